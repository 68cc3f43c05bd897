"""Whatever is sent: a valid event arrives as it is, anything else is a problem of the caller, never of the API."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.api.problems import MEDIA_TYPE
from streams.codec.json_events import to_json
from streams.core.rules import violations
from tests.api.conftest import POLICY, Client, KeptMessages, event, new_app
from tests.codec.strategies import any_record
from tests.core.test_rules import BODIES, good

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def send(body: object) -> tuple[int, str, KeptMessages]:
    publisher = KeptMessages()
    client = Client(new_app(publisher))
    answer = client.request(
        "POST", "/v1/events", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    return answer.status_code, answer.headers["content-type"], publisher


def refused(status: int, content_type: str) -> bool:
    return 400 <= status < 500 and content_type == MEDIA_TYPE


@SETTINGS
@given(record=any_record("CommercialEvent"))
def test_an_event_that_keeps_the_rules_arrives_equal_and_any_other_is_refused(record: Any) -> None:
    status, content_type, publisher = send(to_json(record))
    if violations(record, POLICY):
        assert refused(status, content_type)
    else:
        assert status == 202
        assert publisher.events() == [record]


@SETTINGS
@given(data=st.data(), kind=st.sampled_from(sorted(BODIES)))
def test_a_good_event_changed_anywhere_is_taken_or_refused_with_a_problem(data: st.DataObject, kind: str) -> None:
    sent: Any = good(kind)
    target: Any = sent
    for _ in range(data.draw(st.integers(0, 5))):
        step = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
        if not isinstance(target[step], dict | list) or not target[step]:
            break
        target = target[step]
    where = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
    if data.draw(st.booleans()):
        target[where] = data.draw(ANY_JSON)
    elif isinstance(target, dict):
        target[data.draw(st.text(st.characters(), max_size=8))] = target.pop(where)
    else:
        target.pop(where)
    status, content_type, publisher = send(sent)
    assert (status == 202 and len(publisher.messages) == 1) or refused(status, content_type)


@SETTINGS
@given(body=ANY_JSON)
def test_any_json_at_all_gets_a_problem(body: object) -> None:
    assert refused(*send(body)[:2])


@SETTINGS
@given(data=st.data())
def test_any_bytes_at_all_get_an_answer_that_is_no_fault_of_ours(data: st.DataObject) -> None:
    content = bytearray(json.dumps(event()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kind = data.draw(st.sampled_from(["application/json", "application/x-ndjson"]))
    client = Client(new_app(KeptMessages()))
    answer = client.request("POST", "/v1/events", content=bytes(content), headers={"Content-Type": kind})
    assert answer.status_code == 202 or refused(answer.status_code, answer.headers["content-type"])
