"""The `inputs:` of a step -> files with size and digest, earlier steps, other campaigns.

Variables, `~`, globs and `@list.txt` in what a person writes, and the complaints about files that are not
there.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpcml.campaign import InputFile, StepInput
from hpcml.errors import nearest
from hpcml.inputfile import HashMode, describe_input
from hpcml.jobfile.models import StepEntry
from hpcml.jobfile.yaml_source import Document, Key, Problem
from hpcml.workload import InputSpec, Workload

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class InputReader:
    """Reads the `inputs:` of one step after the other and collects what is wrong with them."""

    def __init__(
        self,
        document: Document,
        base: Path,
        environment: Mapping[str, str],
        check: bool,
        mode: HashMode,
    ) -> None:
        self.document = document
        self.base = base
        self.environment = environment
        self.check = check
        self.mode: HashMode = mode
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def inputs(
        self, index: int, steps: Sequence[StepEntry], workload: type[Workload]
    ) -> dict[str, StepInput]:
        """{name: input} of step `index`."""
        given: Mapping[str, Any] = steps[index].inputs
        at: Key = ("steps", index, "inputs")
        allowed = {spec.name: spec for spec in workload.inputs}
        result = {}
        for name, value in given.items():
            if name in allowed:
                found = self._input((*at, name), value, index, [step.name for step in steps])
                self._check_kind((*at, name), value, found, allowed[name])
                result[name] = found
            else:
                hint = nearest(name, list(allowed)) or f"its inputs: {', '.join(allowed) or 'none'}"
                self.problems.append(Problem((*at, name), "not an input of the workload", value, hint))
        for spec in workload.inputs:
            if spec.required and spec.name not in given:
                key = (*at, spec.name)
                self.problems.append(Problem(key, "the required input is missing", [*given], spec.meaning))
        return result

    def _check_kind(self, key: Key, value: str | list[str], found: StepInput, spec: InputSpec) -> None:
        """A problem when files are given for a step, or a step for files."""
        if found.files and spec.kind == "step":
            what = "files are given, and the workload needs a step of this job file or campaign:DIR/STEP"
        elif (found.step or found.campaign or found.several) and spec.kind == "files":
            what = "a step is given, and the workload needs files"
        else:
            return
        self.problems.append(Problem(key, what, value, spec.meaning))

    def path(self, key: Key, text: str) -> Path | None:
        """`text` as an absolute path, ${VARIABLE} and ~ expanded; a variable that is not set is a problem."""
        return self._expanded(key, text, "", self.problems.append)

    def _input_path(self, key: Key, text: str, mark: str = "") -> Path | None:
        """The same for an input: a variable that is not set here counts as an absent file."""
        return self._expanded(key, text, mark, self._absent)

    def _expanded(self, key: Key, text: str, mark: str, report: Callable[[Problem], None]) -> Path | None:
        for variable in _VARIABLE.findall(text):
            if variable not in self.environment:
                what = f"the environment variable {variable} is not set"
                report(Problem(key, what, text, f"export {variable}=...", mark))
                return None
        path = self.base / Path(_VARIABLE.sub(lambda found: self.environment[found[1]], text)).expanduser()
        # only `..` needs the file system; links elsewhere stay as they are written
        return path.resolve() if ".." in path.parts else path

    def _input(self, key: Key, value: str | list[str], index: int, steps: list[str]) -> StepInput:
        entries = [value] if isinstance(value, str) else value
        of_steps = [text in steps or text.startswith("campaign:") for text in entries]
        if any(of_steps) and isinstance(value, str):
            return self._table(key, value, index, steps)
        if all(of_steps):
            return self._several(key, entries, index, steps)
        if any(of_steps):
            hint = "write ./NAME for a file that is called like a step"
            self.problems.append(Problem(key, "must be files or steps, not both", value, hint))
            return StepInput()
        files: dict[Path, InputFile] = {}
        for at, text, mark in self._entries(key, value):
            for path in self._matches(at, text, mark):
                if path in files:
                    self.problems.append(Problem(at, "duplicate file", str(path), mark=mark))
                described = self._describe(at, path, mark)
                if described:
                    files[path] = described
        return StepInput(files=tuple(files.values()))

    def _several(self, key: Key, entries: list[str], index: int, steps: list[str]) -> StepInput:
        """Steps and campaigns that are read as one input."""
        found: list[StepInput] = []
        for at, text in enumerate(entries):
            one = self._table((*key, at), text, index, steps)
            if one in found and one != StepInput():
                self.problems.append(Problem((*key, at), "duplicate step", text))
            found.append(one)
        return StepInput(several=tuple(one for one in found if one != StepInput()))

    def _table(self, key: Key, value: str, index: int, steps: list[str]) -> StepInput:
        if value.startswith("campaign:"):
            return self._campaign(key, value)
        if value in steps[:index]:
            return StepInput(step=value)
        hint = f"earlier steps: {', '.join(steps[:index]) or 'none'}"
        self.problems.append(Problem(key, "is not an earlier step", value, hint))
        return StepInput()

    def _campaign(self, key: Key, value: str) -> StepInput:
        folder, _, step = value.removeprefix("campaign:").rpartition("/")
        if not folder or not step:
            self.problems.append(Problem(key, "must be campaign:DIR/step", value))
            return StepInput()
        path = self._input_path(key, folder)
        if path is None:
            return StepInput()
        if not path.is_dir():
            self._absent(Problem(key, "no such campaign directory", str(path)))
        return StepInput(campaign=str(path / step))

    def _entries(self, key: Key, value: str | list[str]) -> Iterator[tuple[Key, str, str]]:
        """(key, path or glob, mark) of each entry; those of `@list.txt` are marked there."""
        texts = [(key, value)] if isinstance(value, str) else [((*key, i), v) for i, v in enumerate(value)]
        for at, text in texts:
            if not text.startswith("@"):
                yield at, text, ""
                continue
            path = self._input_path(at, text[1:])
            if path is None:
                continue
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                self._absent(Problem(at, "no such list of files", str(path)))
                continue
            except (OSError, UnicodeDecodeError) as error:
                self.problems.append(Problem(at, f"cannot read the list: {error}", str(path)))
                continue
            entries = [(i, line.strip()) for i, line in enumerate(lines, 1)]
            entries = [(i, line) for i, line in entries if line and not line.startswith("#")]
            if not entries:
                self.problems.append(Problem(at, "the list of files is empty", str(path)))
            for number, line in entries:
                yield at, line, f"{path}:{number}"

    def _matches(self, key: Key, text: str, mark: str) -> list[Path]:
        path = self._input_path(key, text, mark)
        if path is None:
            return []
        if path.exists() or not glob.has_magic(str(path)):
            return [path]
        found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 absolute
        found = [item for item in found if not item.is_dir()]
        if not found:
            self._absent(Problem(key, "no file matches", str(path), mark=mark))
        return found

    def _describe(self, key: Key, path: Path, mark: str) -> InputFile | None:
        try:
            if self.check:
                return describe_input(path, self.mode)
            status = path.stat()
            return InputFile(str(path), status.st_size, status.st_mtime_ns, "")
        except FileNotFoundError:
            hint = nearest(path.name, [item.name for item in path.parent.glob("*")])
            self._absent(Problem(key, "no such file", str(path), hint, mark))
        except IsADirectoryError:
            self.problems.append(Problem(key, "is a directory, not a file", str(path), "DIR/*.h5?", mark))
        except OSError as error:
            self.problems.append(Problem(key, f"cannot be read: {error.strerror}", str(path), mark=mark))
        return None

    def _absent(self, problem: Problem) -> None:
        if self.check:
            self.problems.append(problem)
        else:
            self.warnings.append(self.document.line(problem))
