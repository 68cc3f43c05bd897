"""Send a file of events to the API in requests it takes; what it refuses is told line by line, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from streams.cli.output import fail
from streams.config import Settings

_EVENTS_A_REQUEST = 200
_TIMEOUT_SECONDS = 60.0


def publish_lines(lines: Iterable[str], url: str | None, settings: Settings) -> dict[str, Any]:
    """Send events, one JSON object a line; returns how many were accepted, and each refusal with its line."""
    base = url or f"http://{settings.api_host}:{settings.api_port}"
    accepted, refused = 0, []
    with httpx.Client(base_url=base, timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        for batch in _batches(lines):
            if _send(client, [line for _, line in batch]).is_success:
                accepted += len(batch)
                continue
            # One bad event refuses its whole request: send them one by one to find it.
            for number, line in batch:
                answer = _send(client, [line])
                if answer.is_success:
                    accepted += 1
                else:
                    refused.append({"line": number, "status": answer.status_code, "detail": _detail(answer)})
    return {"accepted": accepted, "refused": refused}


def _batches(lines: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            batch.append((number, line.strip()))
        if len(batch) == _EVENTS_A_REQUEST:
            yield batch
            batch = []
    if batch:
        yield batch


def _send(client: httpx.Client, lines: list[str]) -> httpx.Response:
    try:
        answer = client.post(
            "/v1/events", content="\n".join(lines) + "\n", headers={"Content-Type": "application/x-ndjson"}
        )
    except httpx.TransportError as failure:
        fail(f"the API at {client.base_url} does not answer: {failure}; start it with `tieout api`", 1)
    if answer.is_server_error:
        fail(f"the API at {client.base_url} answered {answer.status_code}: {_detail(answer)}; repeat it later", 1)
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:500]
    errors = "; ".join(f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in problem.get("errors", ()))
    return errors or str(problem.get("detail") or problem.get("title"))
