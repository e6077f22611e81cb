"""Where data lies, names, downloads, splits, reports."""

import hashlib
import http.server
import io
import stat
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.data import (
    check_dataset,
    data_home,
    dataset_names,
    dataset_spec,
    download,
    load_dataset,
    show_item,
    show_user,
    split_log_by_time,
    split_users,
)
from simulator.data.archive import Archive
from simulator.data.download import fetch_archive
from simulator.domain import Catalogue, Dataset, ExposureLog, Interactions
from simulator.errors import ConfigError, DataError, UnknownNameError


def test_data_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("NUDGESIM_DATA", str(tmp_path))
    assert data_home() == tmp_path
    monkeypatch.delenv("NUDGESIM_DATA")
    monkeypatch.setattr("simulator.data.home._REPOSITORY", tmp_path / "repository")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_home() == tmp_path / "cache" / "nudgesim" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_home() == Path.home() / ".cache" / "nudgesim" / "data"
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert data_home() == tmp_path / "shared" / "data"


def test_names(tmp_path):
    assert dataset_names()[:3] == ["demo", "ml-100k", "ml-100k-all"]
    assert {spec.name for spec in map(dataset_spec, dataset_names())} == set(dataset_names())
    assert dataset_spec("demo").is_present(tmp_path)
    assert not dataset_spec("ml-100k").is_present(tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'ml-100k'"):
        load_dataset("ml100k")
    with pytest.raises(DataError, match=r"Missing u\.data"):
        load_dataset("ml-100k", home=tmp_path)
    with pytest.raises(DataError, match="No such file"):
        load_dataset(tmp_path / "gone.toml")
    with pytest.raises(DataError, match="TOML file"):
        load_dataset(tmp_path / "items.csv")


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as content:
        for name, text in members:
            content.writestr(name, text)
    return out.getvalue()


@pytest.fixture
def serve(monkeypatch):
    """Serve bytes on the loopback; gives the archive's description."""
    servers = []
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def start(content, md5=None, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        digest = md5 or hashlib.md5(content).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/set.zip"
        return Archive(url=url, md5=digest, folder="set", files=("a.txt", "b.txt"))

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


GOOD = [("set/a.txt", "a"), ("set/b.txt", "b"), ("set/README", "terms")]


def test_download_checks_unpacks_and_reports_progress(serve, tmp_path):
    content, seen = zipped(GOOD), []
    home = tmp_path / "new" / "home"
    folder = fetch_archive(serve(content), home, lambda done, total: seen.append((done, total)))
    assert folder == home / "set"
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        "a.txt": "a",
        "b.txt": "b",
        "README": "terms",
    }
    assert seen[-1] == (len(content), len(content))
    assert [p.name for p in home.iterdir()] == ["set"]


def test_download_keeps_files_that_are_there(serve, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("mine")
    fetch_archive(serve(zipped(GOOD)), tmp_path)
    assert (tmp_path / "set" / "a.txt").read_text() == "mine"
    assert (tmp_path / "set" / "b.txt").read_text() == "b"
    # Complete now: the address is not even asked.
    gone = Archive("http://127.0.0.1:9/", "0" * 32, "set", ("a.txt", "b.txt"))
    assert fetch_archive(gone, tmp_path) == tmp_path / "set"


def symlink_member():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as content:
        link = zipfile.ZipInfo("set/a.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        content.writestr(link, "/etc/hostname")
        content.writestr("set/b.txt", "b")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "options", "cause"),
    [
        (zipped(GOOD), {"md5": "0" * 32}, "the publisher's is 00000000"),
        (zipped(GOOD), {"status": 404}, "404.*By hand"),
        (zipped([*GOOD, ("../evil.txt", "x")]), {}, "no plain file"),
        (zipped([*GOOD, ("set/../../evil.txt", "x")]), {}, "no plain file"),
        (zipped([*GOOD, ("/evil.txt", "x")]), {}, "no plain file"),
        (zipped([*GOOD, ("set\\..\\..\\evil.txt", "x")]), {}, "no plain file"),
        (zipped([*GOOD, ("evil.txt", "x")]), {}, "no plain file"),
        (symlink_member(), {}, "no plain file"),
        (zipped(GOOD[:1]), {}, "lacks b.txt"),
        (b"not a zip", {}, "not a zip file"),
    ],
)
def test_a_bad_download_leaves_nothing(serve, tmp_path, content, options, cause):
    home = tmp_path / "home"
    with pytest.raises(DataError, match=cause):
        fetch_archive(serve(content, **options), home)
    assert list(home.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_no_network_gives_the_manual_steps(serve, tmp_path):
    archive = Archive("http://127.0.0.1:1/set.zip", "0" * 32, "set", ("a.txt",))
    with pytest.raises(DataError, match=r"Cannot fetch.*By hand: .*NUDGESIM_DATA") as error:
        fetch_archive(archive, tmp_path)
    assert str(tmp_path / "set" / "a.txt") in str(error.value)


def test_unwritable_home(tmp_path, serve):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="NUDGESIM_DATA"):
        fetch_archive(serve(zipped(GOOD)), tmp_path / "file" / "home")


def test_nothing_to_download(tmp_path):
    with pytest.raises(DataError, match="comes with nudgesim"):
        download("demo", home=tmp_path)
    with pytest.raises(UnknownNameError):
        download("ml-1b", home=tmp_path)


@given(st.integers(2, 200), st.floats(0.01, 0.99), st.integers())
def test_user_split_is_a_partition(n_users, held_out, seed):
    kept, held = split_users(n_users, held_out=held_out, seed=seed)
    assert len(kept)
    assert len(held)
    assert abs(len(held) - n_users * held_out) <= 1
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(n_users))
    np.testing.assert_array_equal(split_users(n_users, held_out=held_out, seed=seed)[1], held)


def test_user_split_depends_on_the_seed_and_checks_its_share():
    assert not np.array_equal(split_users(50, seed=1)[1], split_users(50, seed=2)[1])
    for n_users, share in ((1, 0.5), (5, 0.0), (5, 1.0)):
        with pytest.raises(ConfigError, match="hold out"):
            split_users(n_users, held_out=share, seed=0)


def log_at(times):
    n = len(times)
    zeros = np.zeros(n, dtype=np.int32)
    return ExposureLog(zeros, zeros, np.array(times, dtype=np.int64), zeros, zeros.astype(bool))


@given(st.lists(st.integers(0, 20), min_size=2).filter(lambda t: len(set(t)) > 1))
def test_log_split_by_time_never_lets_the_future_in(times):
    before, after = split_log_by_time(log_at(times))
    assert len(before) + len(after) == len(times)
    assert before.time.max() < after.time.min()


def test_log_split_by_time_sizes_and_errors():
    _, after = split_log_by_time(log_at(range(100)), later=0.2)
    assert abs(len(after) - 20) <= 1
    with pytest.raises(ConfigError, match="one time"):
        split_log_by_time(log_at([3, 3]))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split_log_by_time(log_at([1, 2]), later=1.5)


@pytest.fixture
def small():
    """Three users (the last without history), four items (two titles alike, one never used)."""
    interactions = Interactions.from_columns(
        user=np.array([0, 0, 1, 0]),
        item=np.array([1, 0, 0, 0]),
        time=np.array([86_400 * 10_000, 86_400 * 10_001, 86_400 * 10_002, 86_400 * 10_003]),
        rating=np.array([4.0, 5.0, 1.0, 3.0]),
        n_users=3,
        n_items=4,
    )
    log = ExposureLog(
        user=np.array([0, 0, 2], dtype=np.int32),
        item=np.array([0, 2, 2], dtype=np.int32),
        time=np.array([1, 2, 3]),
        position=np.zeros(3, dtype=np.int32),
        clicked=np.array([True, False, False]),
    )
    catalogue = Catalogue(
        item_ids=["w", "x", "y", "z"],
        titles=["Emma", "Up", "Emma", "Z"],
        categories=[("Romance",), (), ("Romance",), ()],
        attributes={"year": [1996, 2009, 2020, 1969]},
    )
    return Dataset("small", catalogue, interactions, ["ann", "bob", "cid"], log, {"age": [1, 2, 3]})


def test_report_counts(small):
    report = check_dataset(small)
    assert (report.n_users, report.n_items, report.n_interactions) == (3, 4, 4)
    assert report.density == 3 / 12
    assert report.history_lengths == (0, 1.0, 3)
    assert (report.first_time, report.last_time) == ("1997-05-19", "1997-05-22")
    assert report.users_without_history == 1
    assert report.items_without_interactions == 2
    assert report.items_without_categories == 2
    assert report.repeated_titles == 1
    assert report.repeated_pairs == 1
    assert (report.n_exposures, report.click_rate) == (3, 1 / 3)
    assert [text.split()[:2] for text in report.warnings] == [
        ["1", "users"],
        ["1", "items"],
        ["2", "items"],
    ]


def test_report_warns_of_what_is_missing(small):
    one_time = Interactions.from_columns(
        user=np.array([0, 1]),
        item=np.array([0, 1]),
        time=np.array([7, 7]),
        n_users=2,
        n_items=2,
    )
    catalogue = Catalogue(["a", "b"], ["A", "B"], [(), ()])
    report = check_dataset(Dataset("bare", catalogue, one_time, ["u", "v"]))
    assert (report.first_time, report.last_time) == ("7", "7")
    assert report.click_rate is None
    assert [text.split(";")[0] for text in report.warnings] == [
        "All interactions have one time",
        "No logged exposures",
        "No item has a category",
    ]


def test_report_of_a_data_set_without_rows(small):
    nothing = Interactions.from_columns(*[np.empty(0, dtype=np.int64)] * 3, n_users=0, n_items=4)
    report = check_dataset(Dataset("none", small.catalogue, nothing, []))
    assert (report.n_interactions, report.density, report.first_time) == (0, 0.0, "")


def test_interactions_refuse_ratings_of_another_length():
    rows = np.array([0, 0])
    with pytest.raises(DataError, match="1 ratings for 2 rows"):
        Interactions.from_columns(rows, rows, rows, np.ones(1), n_users=1, n_items=1)


def test_show_user_and_item(small):
    page = show_user(small, "ann")
    assert [(e.item_id, e.title, e.rating) for e in page.history] == [
        ("x", "Up", 4.0),
        ("w", "Emma", 5.0),
        ("w", "Emma", 3.0),
    ]
    assert (page.attributes, page.n_exposures, page.n_clicks) == ({"age": 1}, 2, 1)
    assert show_user(small, "cid").history == ()
    item = show_item(small, "w")
    assert (item.title, item.categories, item.attributes) == ("Emma", ("Romance",), {"year": 1996})
    assert (item.n_interactions, item.n_exposures, item.n_clicks) == (3, 1, 1)
    with pytest.raises(DataError, match=r"No user 'anne' among 3\. Did you mean 'ann'"):
        show_user(small, "anne")
    with pytest.raises(DataError, match=r"No item '9' among 4\. Ids look like 'w'"):
        show_item(small, "9")


def test_a_data_set_that_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    for name in ("u.data", "u.item", "u.user", "u.genre"):
        (folder / name).write_text("")
    monkeypatch.setattr("httpx.stream", None)
    assert download("ml-100k", home=tmp_path) == folder
    assert dataset_spec("ml-100k-all").is_present(tmp_path)
