"""The local page of `nudgesim prompts serve`: write a template, see what the model makes of it.

`serving.py` opens the page, `sitting.py` is what happens on it, `app.py` its addresses.
"""
