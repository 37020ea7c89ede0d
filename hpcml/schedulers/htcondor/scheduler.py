"""HTCondor's words: the values of its templates, its commands, and what their replies mean.

Submit files over an item list, the DAG that chains steps, condor_q and condor_rm.

DAGMan removes every other job of a node's cluster as soon as one of them fails. So a shard retries
inside its own job (max_retries), and after its last try it reports 0 to the DAG (`verdict` below):
the merge, which looks at the parts, is who says 3 or 5. By hand, without the DAG, jobs keep their code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hpcml.errors import EXIT_INCOMPLETE, UsageError
from hpcml.schedulers.base import (
    AttemptSpec,
    File,
    JobRecord,
    JobRef,
    Reply,
    Scheduler,
    StepSpec,
    Submission,
    job_tag,
    refused,
)
from hpcml.schedulers.htcondor.file_transfer import (
    ARCHIVES,
    SANDBOX,
    array_lines,
    here_values,
    merge_lines,
    sandbox_script,
    transfers,
)
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
    merge_directives,
    merge_request,
    merge_values,
    rank_values,
)
from hpcml.schedulers.path_policy import check_paths
from hpcml.schedulers.templating import classad, condor, condor_code

DAG = "campaign"
# the exit codes that another try does not change: a bug, a wrong command line, damaged parts
NEVER_AGAIN = (1, 2, 5)
_COMPUTE_ONLY = re.compile(
    r"(request_.*|retry_.*|require_gpus|allowed_.*|\+JobFlavour|\+MaxRuntime|max_(retries|materialize|idle)|"
    r"periodic_.*|requirements|rank)"
)


class HTCondor(Scheduler):
    name: ClassVar[str] = "htcondor"
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
        if "$" in str(spec.out):
            # condor_submit_dag writes the path into DAGMan's own submit file as it is: it waits for ever
            what = f"condor_submit_dag cannot carry the '$' in {str(spec.out)!r}"
            raise UsageError(what, "rename the folder")
        submissions = self.submissions(spec)
        found = []
        for step in spec.steps:
            place = step.plan.name
            merge = (here_values if transfers(options) else merge_values)(spec, step, options)
            found.append(File(f"{place}/merge.sh", "common/merge.sh", merge, executable=True))
            if step.shards:
                items = {"shards": step.shards}
                rank = self._rank_values(spec, step, options)
                found.append(File(f"{place}/shards.txt", "htcondor/shards.txt", items))
                found.append(File(f"{place}/rank.sh", "htcondor/rank.sh", rank, executable=True))
                if transfers(options):
                    found.append(sandbox_script(spec, step, options))
            for sub in submissions:
                if sub.step == place:
                    found.append(File(sub.file, f"htcondor/{sub.kind}.sub", self.context(spec, step, sub)))
        found.append(File(f"{DAG}.dag", "htcondor/campaign.dag", self._dag_values(spec, submissions)))
        settings = self._dagman(spec)
        if settings:
            found.append(File("dagman.config", "htcondor/dagman.config", {"dagman": settings}))
        return found

    def submissions(self, spec: AttemptSpec) -> tuple[Submission, ...]:
        """The DAG, which is what gets submitted, and behind it the nodes it will submit."""
        found = [Submission(DAG, "dag", "", f"{DAG}.dag", events=f"{DAG}.dag.dagman.log")]
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
                    within=DAG,
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
                DAG,
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
            "tag": job_tag(spec, sub.name),
            "lines": list((self._array_lines if is_array else self._merge_lines)(spec, step).items()),
        }

    def submit_command(self, path: Path, *, after: Sequence[str] = ()) -> list[str]:
        if after:
            raise UsageError("HTCondor chains jobs in a DAG", f"submit {DAG}.dag")
        if path.suffix == ".dag":
            return ["condor_submit_dag", "-usedagdir", str(path)]
        return ["condor_submit", "-terse", str(path)]

    def test_command(self, path: Path) -> list[str]:
        """condor_submit reads the file, prints the job it would make, and submits nothing."""
        return ["condor_submit", "-dry-run", "-", str(path)]

    def parse_submit(self, reply: Reply) -> str:
        terse = re.search(r"^(\d+)\.\d+ - \d+\.\d+", reply.stdout, re.MULTILINE)
        talk = re.search(r"submitted to cluster (\d+)", reply.stdout)
        found = terse or talk
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

    def _rank_values(self, spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any]) -> dict[str, Any]:
        values = rank_values(spec, step, options)
        if spec.campaign.container:
            # container_image starts rank.sh itself inside the image
            values["python"] = [options["container_python"]]
        seconds = values["walltime"] - values["margin"]
        # nothing in HTCondor warns a job before its time is up, so the script has its own clock
        values["clock"] = ["timeout", "--preserve-status", "--foreground", "--signal=USR1", str(seconds)]
        values["max_retries"] = step.plan.max_attempts - 1
        values["never_again"] = NEVER_AGAIN
        values["archives"] = ""
        if transfers(options):
            # another try starts from the sandbox: it would compute all again to fail where this one failed
            values |= {"root": SANDBOX, "archives": ARCHIVES, "never_again": (*NEVER_AGAIN, EXIT_INCOMPLETE)}
            values["begun"] = ""  # the jobs see no folder in common
        return values

    def _array_lines(self, spec: AttemptSpec, step: StepSpec) -> Lines:
        site = spec.campaign.site
        options = self.check_options(site.options)
        request = array_request(step, options)
        moved = transfers(options)
        codes = (*NEVER_AGAIN, EXIT_INCOMPLETE) if moved else NEVER_AGAIN
        never = ", ".join(str(code) for code in codes)
        lines: Lines = {
            **common_lines(spec, request, options),
            "max_retries": step.plan.max_attempts - 1,
            "retry_until": f"member(ExitCode, {{{never}}})",
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
        # a site that forbids a line forbids it in every job
        kept = {
            key: value
            for key, value in site.directives.items()
            if value is None or not _COMPUTE_ONLY.fullmatch(key)
        }
        return layered(layered(lines, kept), merge_directives(options))

    def _dagman(self, spec: AttemptSpec) -> dict[str, Any]:
        options = self.check_options(spec.campaign.site.options)
        # DAGMan would hold the slots of an array for 20 s: too small for the merge, and in its way
        settings: dict[str, Any] = {"DAGMAN_HOLD_CLAIM_TIME": 0}
        # when DAGMan talks to the schedd itself it makes all jobs at once, whatever max_materialize says
        late = {"DAGMAN_USE_DIRECT_SUBMIT": "False"} if options["throttle"] else {}
        return {**settings, **late, **options["dagman"]}

    def _dag_values(self, spec: AttemptSpec, submissions: Sequence[Submission]) -> dict[str, Any]:
        nodes = [sub for sub in submissions if sub.within == DAG]
        return {
            "campaign": spec.campaign.name,
            "attempt": spec.attempt,
            "nodes": nodes,
            "edges": [(before, node.name) for node in nodes for before in node.after],
            "dagman": bool(self._dagman(spec)),
            "tag": job_tag(spec, DAG),
            "sandboxes": transfers(self.check_options(spec.campaign.site.options)),
        }
