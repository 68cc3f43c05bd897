"""`tieout demo`: start everything, play the scenario, read what came of it, say whether it ties out."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from types import FrameType

import httpx
from rich.console import Console
from rich.markup import escape

from connectors.protocols import AccountBalance, ConnectorUnavailable
from streams.config import Configuration, Settings, load_configuration
from streams.demo import report
from streams.demo.deployment import Deployment, deployed
from streams.demo.failure import DemoFailed
from streams.demo.scenario import CONTRACTS, Answer, Step, steps
from streams.demo.verdict import Check, Evidence, checks, three_way
from streams.demo.watch import Watch
from streams.records import AuditAction
from streams.supervisor import ProgramFailed
from streams.timeline import TopicsUnreadable, read_contract
from streams.topic_admin import TopicsDiffer
from streams.wiring import bootstrap, ledger, revenue_platform

INTERRUPTED = 130

_OUTCOME_SECONDS = 60.0
_IDLE_SECONDS = 30.0
_VERDICT_SECONDS = 15.0
_AGAIN_SECONDS = 0.5
_REQUEST_SECONDS = 40.0
_KEEP_POLL_SECONDS = 0.2


def run_demo(settings: Settings, *, keep: bool, console: Console) -> int:
    """Play the demo and return the exit code: 0 when every promise was kept, 1 when not, 130 when interrupted."""
    started = time.monotonic()
    progress = report.Progress(console)
    try:
        with _stop_signals(), contextlib.ExitStack() as running:
            with progress.step("Broker, four stages and the API are up, each a process of its own"):
                deployment = running.enter_context(deployed(settings, progress.tell))
            _require_new_contracts(deployment)
            _play(deployment, progress)
            kept = _judge(deployment, console, started)
            if keep:
                _keep(deployment, console)
            elif kept:
                report.print_next(console)
            if not kept:
                raise DemoFailed(f"not every promise was kept; the logs are in {deployment.settings.data_dir / 'logs'}")
    except KeyboardInterrupt:
        console.print("stopped", highlight=False)
        return INTERRUPTED
    except (DemoFailed, ProgramFailed, TopicsDiffer, TopicsUnreadable, ConnectorUnavailable) as failure:
        console.print(f"{report.BAD} {escape(str(failure))}", highlight=False)
        return 1
    return 0


@contextlib.contextmanager
def _stop_signals() -> Iterator[None]:
    """Make the first SIGTERM, SIGHUP or Ctrl-C unwind the demo; later ones do not disturb the unwinding."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def stop(_: int, __: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- playing ---------------------------------------------------------------------------------------------------------


def _require_new_contracts(deployment: Deployment) -> None:
    """Refuse to play on a broker that has the contracts: every event would be a duplicate."""
    for source in CONTRACTS:
        if read_contract(deployment.settings, source.contract_id).known:
            raise DemoFailed(
                f"the broker {bootstrap(deployment.settings)} knows the contract {source.contract_id} of an earlier "
                "demo: unset TIEOUT_BROKER to use the embedded one, or name a broker that is empty"
            )


def _play(deployment: Deployment, progress: report.Progress) -> None:
    contracts = [source.contract_id for source in CONTRACTS]
    with (
        Watch(deployment.settings, contracts, deployment.supervisor.check) as watch,
        httpx.Client(base_url=deployment.api, timeout=_REQUEST_SECONDS, trust_env=False) as client,
    ):
        for step in steps():
            with progress.step(step.title):
                answer = _send(client, step)
                watch.wait_for(step.outcomes, _OUTCOME_SECONDS)
            if step.answer is Answer.REFUSED:
                progress.problem(answer.json())
            for outcome in step.outcomes:
                if outcome.action is AuditAction.PARKED:
                    progress.note(f"parked: {watch.parked(outcome.contract_id)[outcome.event_id]}")
        watch.wait_until_idle(_IDLE_SECONDS)


def _send(client: httpx.Client, step: Step) -> httpx.Response:
    try:
        answer = client.post("/v1/events", json=step.events if len(step.events) > 1 else step.events[0])
    except httpx.TransportError as failure:
        raise DemoFailed(f"the API at {client.base_url} does not answer: {failure}") from failure
    if answer.status_code != step.answer.value:
        raise DemoFailed(
            f"{step.title}: the API answered {answer.status_code}, expected {step.answer.value}: {answer.text[:800]}"
        )
    return answer


# --- judging ---------------------------------------------------------------------------------------------------------


def _judge(deployment: Deployment, console: Console, started: float) -> bool:
    """Print what came of the play; True when every promise was kept."""
    configuration = load_configuration(deployment.settings.config)
    evidence, balances, verdict = _read(deployment, configuration)
    for source in CONTRACTS:
        report.print_contract(console, source, evidence.histories[source.contract_id])
    report.print_ledger(console, balances, configuration)
    for source in CONTRACTS:
        comparisons = evidence.ties[source.contract_id]
        console.print(report.tie_out(source.contract_id, source.currency, comparisons), highlight=False)
        console.print()
    report.print_verdict(console, verdict, time.monotonic() - started)
    return all(check.kept for check in verdict)


def _read(
    deployment: Deployment, configuration: Configuration
) -> tuple[Evidence, Sequence[AccountBalance], Sequence[Check]]:
    """Read topics, revenue platform and ledger; again for a while when a promise is not kept, for topics lag."""
    outcomes = [outcome for step in steps() for outcome in step.outcomes]
    deadline = time.monotonic() + _VERDICT_SECONDS
    erp, revenue = ledger(deployment.settings, configuration), revenue_platform(deployment.settings, configuration)
    with contextlib.closing(erp), contextlib.closing(revenue):
        while True:
            histories, ties = {}, {}
            for name in (source.contract_id for source in CONTRACTS):
                histories[name] = read_contract(deployment.settings, name)
                position, held = revenue.position(name), erp.balances(name)
                ties[name] = three_way(histories[name], position, held, configuration.policy.accounts)
            booked = [(entry.command_id, entry.event_id) for entry in erp.entries() if entry.contract_id in histories]
            evidence = Evidence(histories, booked, ties)
            verdict = checks(evidence, outcomes)
            if all(check.kept for check in verdict) or time.monotonic() > deadline:
                return evidence, erp.balances(), verdict
            deployment.supervisor.check()
            time.sleep(_AGAIN_SECONDS)


# --- keeping ---------------------------------------------------------------------------------------------------------


def _keep(deployment: Deployment, console: Console) -> None:
    """Leave everything running until told to stop. Raises ProgramFailed when a process ends by itself."""
    report.print_addresses(console, deployment, bootstrap(deployment.settings))
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            deployment.supervisor.check()
            time.sleep(_KEEP_POLL_SECONDS)
