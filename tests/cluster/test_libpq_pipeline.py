"""libpq_pipeline, PostgreSQL's own test of pipelines, through pgweir: the same traces, too.

Its source comes from Debian (tests/regress/source.py), is built once and is in no repository.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../regress"))
import pipeline  # noqa: E402  pylint: disable=wrong-import-position
import source  # noqa: E402  pylint: disable=wrong-import-position

WAYS = {"session": {"pool_mode": "session"}, "transaction": {"route_split": "off"}, "split": {}}


@pytest.fixture(scope="module")
def fetched():
    try:
        found = source.Source().fetch()
        return found.build_pipeline(), found.pipeline_traces
    except source.Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("way", WAYS)
def test_libpq_pipeline_of_postgresqls_own_tree_passes(fetched, weir, tmp_path, way):
    program, traces = fetched
    one = weir(**WAYS[way])
    database = pipeline.create_database(one.cluster, way, "app")
    names = pipeline.tests(program)
    assert len(names) >= 11, names
    complaints = {name: pipeline.complaint(program, traces, name, one.parameters(database=database),
                                       str(tmp_path))
                  for name in names}
    assert not {name: words for name, words in complaints.items() if words}
