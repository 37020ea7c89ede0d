"""HTCondor: the files of an attempt, the commands that submit, ask and cancel, and what their replies mean.

An attempt is one DAG (dag.py), whose nodes are submit files over an item list of shards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hpcml.campaign import SchedulerName, Site
from hpcml.errors import UsageError
from hpcml.schedulers.attempt_spec import AttemptSpec, File, StepSpec, job_tag
from hpcml.schedulers.base import JobRecord, JobRef, Reply, Scheduler, Submission, refused
from hpcml.schedulers.checks import Check
from hpcml.schedulers.diagnosis import explain, workload_failure
from hpcml.schedulers.failures import Explanation
from hpcml.schedulers.htcondor import dag, hold_reasons
from hpcml.schedulers.htcondor.event_log import read_event_log
from hpcml.schedulers.htcondor.file_transfer import (
    array_lines,
    here_values,
    merge_lines,
    sandbox_script,
    transfers,
)
from hpcml.schedulers.htcondor.rank_values import condor_rank_values, final_codes
from hpcml.schedulers.htcondor.replies import ATTRIBUTES, one_of, read_ads
from hpcml.schedulers.htcondor.submit_lines import (
    Lines,
    common_lines,
    flavour_lines,
    layered,
    machine_lines,
    memory_lines,
)
from hpcml.schedulers.job_script import (
    COMMON_OPTIONS,
    array_request,
    lines_of_merges,
    merge_directives,
    merge_request,
    merge_values,
)
from hpcml.schedulers.path_policy import check_paths
from hpcml.schedulers.quoting import classad, condor, condor_code

_COMPUTE_ONLY = re.compile(
    r"(request_.*|retry_.*|require_gpus|allowed_.*|\+JobFlavour|\+MaxRuntime|max_(retries|materialize|idle)|"
    r"periodic_.*|requirements|rank)"
)
# HTCondor names the slot that complains before it says what is wrong
_FROM = re.compile(r"^Error from \S+: ")


class HTCondor(Scheduler):
    name: ClassVar[SchedulerName] = SchedulerName.HTCONDOR
    options: ClassVar[Mapping[str, Any]] = {
        **COMMON_OPTIONS,
        "shared_filesystem": True,
        "throttle": None,
        "disk": "1 GB",
        "flavours": {},
        "retry_elsewhere": False,
        "dagman": {},
    }

    def files(self, spec: AttemptSpec) -> list[File]:
        options = self.check_options(spec.campaign.site.options)
        check_paths(spec.campaign, spec.root, spec.out)
        dag.check_folder(spec.out)
        submissions = self.submissions(spec)
        found = []
        for step in spec.steps:
            place = step.plan.name
            merge = (here_values if transfers(options) else merge_values)(spec, step, options)
            found.append(File(f"{place}/merge.sh", "common/merge.sh", merge, executable=True))
            if step.shards:
                items = {"shards": step.shards}
                rank = condor_rank_values(spec, step, options)
                found.append(File(f"{place}/shards.txt", "htcondor/shards.txt", items))
                found.append(File(f"{place}/rank.sh", "htcondor/rank.sh", rank, executable=True))
                if transfers(options):
                    found.append(sandbox_script(spec, step, options))
            for sub in submissions:
                if sub.step == place:
                    found.append(File(sub.file, f"htcondor/{sub.kind}.sub", self.context(spec, step, sub)))
        return found + dag.dag_files(spec, submissions, options)

    def submissions(self, spec: AttemptSpec) -> tuple[Submission, ...]:
        """The DAG, which is what gets submitted, and behind it the nodes it will submit."""
        found = [dag.dag_submission()]
        before: tuple[str, ...] = ()
        for step in spec.steps:
            place = step.plan.name
            if step.shards:
                array = Submission(
                    name=f"{place}-array",
                    kind="array",
                    step=place,
                    file=f"{place}/array.sub",
                    after=before,
                    within=dag.DAG,
                    shards=step.shards,
                    events=f"{place}/array.log",
                )
                found.append(array)
                before = (array.name,)
            merge = Submission(
                f"{place}-merge",
                "merge",
                place,
                f"{place}/merge.sub",
                before,
                dag.DAG,
                events=f"{place}/merge.log",
            )
            found.append(merge)
            before = (merge.name,)
        return tuple(found)

    def context(self, spec: AttemptSpec, step: StepSpec, sub: Submission) -> dict[str, Any]:
        """Values of array.sub or merge.sub. lines are submit commands as they stand, quoted here."""
        is_array = sub.kind == "array"
        moved = transfers(self.check_options(spec.campaign.site.options))
        return {
            "campaign": spec.campaign.name,
            "step": step.plan.name,
            "attempt": spec.attempt,
            "file": Path(sub.file).name,
            "script": step.folder / ("rank.sh" if is_array else "merge.sh"),
            "arguments": [condor_code("$(shard)"), condor_code("$(verdict:own)")] if is_array else [],
            "logs": step.logs,
            "events": spec.out / sub.events,
            "items": step.folder / "shards.txt",
            "folder": spec.root if moved and is_array else "",
            "container": spec.campaign.container if is_array or not moved else "",
            "tag": job_tag(spec.campaign, spec.attempt, sub.name),
            "lines": list((self._array_lines if is_array else self._merge_lines)(spec, step).items()),
        }

    def submit_command(self, path: Path, *, after: Sequence[str] = ()) -> list[str]:
        if after:
            raise UsageError("HTCondor chains jobs in a DAG", f"submit {dag.DAG_FILE}")
        if path.suffix == ".dag":
            return ["condor_submit_dag", "-usedagdir", str(path)]
        return ["condor_submit", "-terse", str(path)]

    def parse_submit(self, reply: Reply) -> str:
        terse = re.search(r"^(\d+)\.\d+ - \d+\.\d+", reply.stdout, re.MULTILINE)
        verbose = re.search(r"submitted to cluster (\d+)", reply.stdout)
        found = terse or verbose
        if reply.code or not found:
            raise refused("HTCondor refused the job", reply)
        return found[1]

    def query_command(self, jobs: Sequence[str]) -> list[str]:
        return ["condor_q", "-json", "-attributes", ",".join(ATTRIBUTES), "-constraint", one_of(jobs)]

    def parse_query(self, reply: Reply) -> dict[JobRef, JobRecord]:
        if reply.code:
            raise refused("condor_q refused", reply)
        return read_ads(reply)

    def history_commands(self, jobs: Sequence[str], *, since: float) -> list[list[str]]:
        words = ["condor_history", "-json", "-attributes", ",".join(ATTRIBUTES), "-constraint", one_of(jobs)]
        return [[*words, "-since", f"QDate < {int(since)}"]]

    def parse_history(self, reply: Reply) -> dict[JobRef, JobRecord] | None:
        return None if reply.code else read_ads(reply)

    def cancel_command(self, refs: Sequence[JobRef]) -> list[str]:
        return [
            "condor_rm",
            *(ref.job if ref.index < 0 else f"{ref.job}.{ref.index}" for ref in sorted(refs)),
        ]

    def find_command(self, tag: str) -> list[str]:
        return [
            "condor_q",
            "-json",
            "-attributes",
            "ClusterId,HpcmlTag",
            "-constraint",
            f"HpcmlTag =?= {classad(tag)}",
        ]

    def parse_find(self, reply: Reply, tag: str) -> list[str]:
        if reply.code:
            raise refused("condor_q refused", reply)
        return sorted({str(ad["ClusterId"]) for ad in json.loads(reply.stdout or "[]")})

    def log_name(self, ref: JobRef, *, merge: bool = False) -> str:
        return f"{'merge-' if merge else ''}{ref.job}.{max(ref.index, 0)}.log"

    def index_of(self, shard: int, submission: Submission) -> int:
        return submission.shards.index(shard)

    def read_events(self, path: Path) -> dict[JobRef, JobRecord]:
        return read_event_log(path)

    def diagnose(self, record: JobRecord, error: str = "") -> Explanation:
        return workload_failure(record, error) or hold_reasons.explained(record) or explain(record)

    def own_words(self, record: JobRecord) -> str:
        """The reason of a hold, which may name files and limits that its code does not."""
        if record.hold_code is None or not record.reason:
            return ""
        return f"HTCondor says: {_FROM.sub('', record.reason)}."

    def owner_failures(self, folder: Path, submission: Submission) -> list[tuple[str, str]]:
        return dag.dag_failure(folder, submission)

    def busy_advice(self, job: str, held: int, root: Path) -> str:
        return dag.busy_advice(job, held, root)

    def checks(self, site: Site) -> list[Check]:
        return [
            Check("is HTCondor here?", ("condor_version",)),
            Check("does the schedd answer?", ("condor_q", "-totals")),
        ]

    def _array_lines(self, spec: AttemptSpec, step: StepSpec) -> Lines:
        site = spec.campaign.site
        options = self.check_options(site.options)
        request = array_request(step, options)
        moved = transfers(options)
        final = ", ".join(str(code) for code in final_codes(options))
        lines: Lines = {
            **common_lines(spec, request, options),
            "max_retries": step.plan.max_attempts - 1,
            "retry_until": f"member(ExitCode, {{{final}}})",
            # the clock of rank.sh comes first; a job that does not obey it is held with code 47
            "allowed_execute_duration": request.walltime,
        }
        lines |= array_lines(spec, step) if moved else {}
        lines |= memory_lines(request, options)
        lines |= machine_lines(spec, options)
        if options["throttle"]:
            lines["max_materialize"] = int(options["throttle"])
        lines |= flavour_lines(request, options)
        lines["notification"] = "Never"
        return layered(lines, site.directives)

    def _merge_lines(self, spec: AttemptSpec, step: StepSpec) -> Lines:
        site = spec.campaign.site
        options = self.check_options(site.options)
        request = merge_request(step, options)
        lines: Lines = {
            **common_lines(spec, request, options),
            "max_retries": 1,
            "retry_until": "member(ExitCode, {1, 2, 3, 5})",
            "request_memory": request.mebibytes,
            **flavour_lines(request, options),
            **(merge_lines() if transfers(options) else machine_lines(spec, options)),
        }
        mail = spec.campaign.notify.get("mail")
        # a merge that fails ends the DAG: then it is the one that writes
        lines["notification"] = ("Complete" if step.last else "Error") if mail else "Never"
        if mail:
            lines["notify_user"] = str(condor(mail))
        kept = lines_of_merges(site.directives, _COMPUTE_ONLY)
        return layered(layered(lines, kept), merge_directives(options))
