"""Reads documents that machines run when somebody sends them: Systems Manager, Image Builder, notebooks, commands.

The steps of a document become one script, in their order, so that `boot` sees the machine that they make. What stands
elsewhere (another document, a file in a bucket) is named. What the script does is for `boot.judge`.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from .assets import content
from .facts import Facts, Machine, UserData
from .texts import parsed
from .values import Doubt, Malformed, Value, lines, pick

_MOST: Final = 262_144
"""Characters of one script: an SSM document has at most 64 KiB, but parameters may repeat."""
_END: Final = "END_OF_WHAT_STANDS_IN_THE_RESOURCE"
_REFERENCE = re.compile(r"\{\{\s*([\w.:/-]{1,200})\s*\}\}", re.A)
_FETCHING: Final = frozenset(
    ("aws:downloadcontent", "aws:rundocument", "aws:applications", "aws:psmodule", "executedocument")
)
_FETCHING_DOCUMENTS: Final = re.compile(
    r"AWS-(?:RunRemoteScript|RunDocument|RunAnsiblePlaybook|ApplyAnsiblePlaybooks|ApplyChefRecipes|RunSaltState"
    r"|ApplyDSCMofs|InstallApplication|InstallPowerShellModule)"
)


class _Script:
    """A script in the making, for one shell and for PowerShell."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.parameters = parameters
        self.shell: list[str] = []
        self.powershell: list[str] = []
        self.elsewhere: list[Doubt] = []
        self.doubt: Doubt | None = None
        self._left = _MOST

    def add(self, lines_of: list[str], text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise Malformed("it runs more than can be read")
        lines_of.append(text)

    def filled(self, text: str, variable: str = "${%s}") -> str:
        """A text with its parameters; what is not known becomes a variable, so that the rest can be read."""

        def put(found: re.Match[str]) -> str:
            name = found[1]
            return self.parameters.get(_key(name), variable % ("parameter_" + re.sub(r"\W", "_", name)))

        return _REFERENCE.sub(put, text)

    def run(self, commands: Value, of: list[str]) -> None:
        for item in lines(commands, self._unknown):
            self.add(of, self.filled(item, "${%s}" if of is self.shell else "$%s"))

    def _unknown(self, doubt: Doubt) -> None:
        self.doubt = self.doubt or doubt

    def given_to(self, facts: Facts, where: str, readers: str | None) -> None:
        """One document for each shell that has something to run."""
        if not (self.shell or self.powershell or self.elsewhere or self.doubt):
            return
        texts = ["#!/bin/bash\n" + "\n".join(self.shell) + "\n"] if self.shell or not self.powershell else []
        if self.powershell:
            texts.append("<powershell>\n" + "\n".join(self.powershell) + "\n</powershell>\n")
        made = [
            UserData(
                where, text, None if at else self.doubt, readers, False, () if at else tuple(self.elsewhere)
            )
            for at, text in enumerate(texts)
        ]
        facts.machines.append(Machine(where, tuple(made), None))


def _key(name: str) -> str:
    # A template's own names lose their capital first letter on the way.
    return name[:1].lower() + name[1:]


def _whole(document: Value, facts: Facts) -> Value | None:
    held = parsed(document)
    if held.doubt:
        facts.unread_machines.append(held.doubt)
        return None
    return None if held.absent else held


# --- Systems Manager -----------------------------------------------------------------------------------------------


def ssm_document(resource: Value, facts: Facts) -> None:
    """A document of Systems Manager: a command's (schemas 1.2 and 2.x) or an automation's (0.3)."""
    held = _whole(resource["content"], facts)
    if held is not None:
        _ssm(held, facts, {})


def _ssm(held: Value, facts: Facts, given: Mapping[str, str]) -> None:
    script = _Script({**_defaults(held["parameters"]), **given})
    for step in held["mainSteps"].each():
        if step.doubt:
            facts.unread_machines.append(step.doubt)
        else:
            _step(script, str(step["action"].text or ""), step["inputs"], facts)
    configured = held["runtimeConfig"]
    for action in configured.names():
        for inputs in configured[action]["properties"].each():
            _step(script, action, inputs, facts)
    script.given_to(facts, held.where, "everybody with ssm:GetDocument")


def _defaults(declared: Value) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in declared.names():
        default = declared[name]["default"]
        if not (default.absent or default.doubt):
            text = "\n".join(lines(default))
            if not text.lstrip().startswith("{{"):  # a reference to Parameter Store
                found[_key(name)] = text
    return found


def _step(script: _Script, action: str, inputs: Value, facts: Facts) -> None:
    match action.strip().lower():
        case "aws:runshellscript":
            script.run(inputs["runCommand"], script.shell)
        case "aws:runpowershellscript":
            script.run(inputs["runCommand"], script.powershell)
        case "aws:rundockeraction":
            _docker_action(script, inputs)
        case "aws:configuredocker":
            script.add(script.shell, "yum install -y docker")
        case "aws:runcommand":
            name = str(pick(inputs, "DocumentName", "documentName").text or "")
            _run_command(script, script.filled(name), pick(inputs, "Parameters", "parameters"), inputs.where)
        case "aws:executescript":
            # Runs in AWS's own sandbox, on no machine.
            pass
        case "aws:runinstances":
            user_data = pick(inputs, "UserData", "userData")
            if not user_data.absent:
                text = user_data.text
                filled = None if text is None else script.filled(text)
                facts.machines.append(
                    Machine(user_data.where, (UserData(user_data.where, filled, user_data.doubt),), None)
                )
        case known if known in _FETCHING:
            script.elsewhere.append(Doubt(inputs.where, f"({action}) runs what stands elsewhere", final=True))
        case _:
            pass


def _docker_action(script: _Script, inputs: Value) -> None:
    action = script.filled(" ".join(lines(inputs["action"]))).lower()
    if action not in ("run", "create") and "$" not in action:
        return
    words = ["docker", "run", "-d"]
    for option, name in (("-p", "publish"), ("-v", "volume"), ("-e", "env")):
        for item in lines(inputs[name]):
            if filled := script.filled(item).strip():
                words += [option, filled]
    image = script.filled(" ".join(lines(inputs["image"]))).strip()
    command = script.filled(" ".join(lines(inputs["cmd"])))
    script.add(script.shell, " ".join([shlex.join([*words, image or "image"]), command]))


def _run_command(script: _Script, document: str, parameters: Value, where: str) -> None:
    """What `ssm:SendCommand` does with one of AWS's own documents."""
    name = document.rpartition("/")[2]
    match name:
        case "AWS-RunShellScript":
            script.run(parameters["commands"], script.shell)
        case "AWS-RunPowerShellScript":
            script.run(parameters["commands"], script.powershell)
        case "AWS-RunDockerAction":
            _docker_action(script, parameters)
        case "AWS-ConfigureDocker":
            script.add(script.shell, "yum install -y docker")
        case _ if _FETCHING_DOCUMENTS.fullmatch(name):
            script.elsewhere.append(Doubt(where, f"({name}) runs what stands elsewhere", final=True))
        case _:
            pass


def ssm_association(resource: Value, facts: Facts) -> None:
    """A document of AWS's that Systems Manager runs on instances by itself, with these parameters."""
    name, parameters = resource["name"], resource["parameters"]
    if name.doubt or name.absent:
        return  # a document of the stack's own is judged itself
    _sent(str(name.text), parameters, facts, "everybody with ssm:DescribeAssociation")


def maintenance_task(resource: Value, facts: Facts) -> None:
    """A task of a maintenance window."""
    name = resource["taskArn"]
    if name.doubt or name.absent:
        return
    invocation = resource["taskInvocationParameters"]
    parameters = _command_parameters(invocation)
    _sent(str(name.text), parameters, facts, "everybody with ssm:GetMaintenanceWindowTask")


def _command_parameters(invocation: Value) -> Value:
    block = pick(invocation, "runCommandParameters", "maintenanceWindowRunCommandParameters")
    block = block if block.doubt else next(block.each(), block)
    listed = block["parameters"]
    if not listed.is_list:
        return listed
    held = {
        str(item["name"].raw): pick(item, "values", "value").raw for item in listed.each() if not item.doubt
    }
    return Value(held, listed.where)


def _sent(name: str, parameters: Value, facts: Facts, readers: str) -> None:
    if parameters.doubt:
        if re.match(r"AWS-Run(?:Shell|PowerShell)Script$|AWS-RunDockerAction$", name):
            facts.unread_machines.append(parameters.doubt)
        return
    script = _Script({})
    _run_command(script, name, parameters, parameters.where or "the resource")
    script.given_to(facts, parameters.where or "parameters", readers)


# --- Image Builder -------------------------------------------------------------------------------------------------


def image_component(resource: Value, facts: Facts) -> None:
    """A component of Image Builder: what is done to an image that machines start from."""
    uri = resource["uri"]
    if not uri.absent:
        facts.unread_machines.append(
            Doubt(uri.where, "names a document that cannot be read here", final=True)
        )
    held = _whole(resource["data"], facts)
    if held is None:
        return
    script = _Script({**_declared(held["parameters"], "default"), **_declared(held["constants"], "value")})
    for phase in held["phases"].each():
        for step in phase["steps"].each():
            _build_step(script, str(step["action"].text or ""), step["inputs"])
    script.given_to(facts, held.where, "everybody with imagebuilder:GetComponent")


def _declared(listed: Value, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in listed.each():
        for declared in item.names():
            value = item[declared][name]
            if not (value.absent or value.doubt):
                found[_key(declared)] = "\n".join(lines(value))
    return found


def _build_step(script: _Script, action: str, inputs: Value) -> None:
    match action.strip().lower():
        case "executebash":
            script.run(inputs["commands"], script.shell)
        case "executepowershell":
            script.run(inputs["commands"], script.powershell)
        case "executebinary":
            words = [*lines(inputs["path"]), *lines(inputs["arguments"])]
            script.add(script.shell, shlex.join(script.filled(word) for word in words))
        case "createfile" | "appendfile" as what:
            for file in inputs.each():
                path, text = (script.filled("\n".join(lines(file[name]))) for name in ("path", "content"))
                script.add(script.shell, _written(path, text, append=what == "appendfile"))
        case "copyfile" | "movefile" as what:
            for file in inputs.each():
                words = [*lines(file["source"]), *lines(file["destination"])]
                script.add(
                    script.shell,
                    shlex.join(["cp" if what == "copyfile" else "mv", *map(script.filled, words)]),
                )
        case "webdownload" | "s3download" as what:
            for file in inputs.each():
                source, target = (
                    script.filled("".join(lines(file[name]))) for name in ("source", "destination")
                )
                words = (
                    ["curl", "-o", target, source]
                    if what == "webdownload"
                    else ["aws", "s3", "cp", source, target]
                )
                script.add(script.shell, shlex.join(words))
        case known if known in _FETCHING:
            script.elsewhere.append(Doubt(inputs.where, f"({action}) runs what stands elsewhere", final=True))
        case _:
            pass


def _written(path: str, text: str, *, append: bool = False) -> str:
    return f"cat {'>>' if append else '>'} {shlex.quote(path)} <<'{_END}'\n{text}\n{_END}"


def image_recipe(resource: Value, facts: Facts) -> None:
    """A recipe of Image Builder: the user-data of the instance that it builds on."""
    for user_data in (
        resource["userDataBase64"],
        resource["additionalInstanceConfiguration"]["userDataOverride"],
    ):
        _document(user_data, facts, "everybody with imagebuilder:GetImageRecipe")


def notebook(resource: Value, facts: Facts) -> None:
    """What a SageMaker notebook instance runs as root when it is made and when it starts."""
    for name in ("onCreate", "onStart"):
        for item in resource[name].each() if resource[name].is_list else [resource[name]]:
            value = item["content"] if isinstance(item.raw, Mapping) else item
            _document(value, facts, "everybody with sagemaker:DescribeNotebookInstanceLifecycleConfig")


def _document(value: Value, facts: Facts, readers: str) -> None:
    if not value.absent:
        document = UserData(value.where, value.text, value.doubt, readers)
        facts.machines.append(Machine(value.where, (document,), None))


# --- Commands of the program itself --------------------------------------------------------------------------------


def command(resource: Value, facts: Facts) -> None:
    """A command that `pulumi up` runs on a machine by SSH, or where it runs itself."""
    interpreter = [str(item.raw) for item in resource["interpreter"].each() if not item.doubt]
    settings = _exports(resource["environment"])
    for name in ("create", "update", "delete"):
        value = resource[name]
        if value.absent:
            continue
        text = value.text
        if text is not None:
            if interpreter:
                text = shlex.join([*interpreter, text])
            text = f"#!/bin/sh\n{settings}{_fed(text, resource['stdin'])}\n"
        facts.machines.append(
            Machine(value.where, (UserData(value.where, text, value.doubt, None, has_lines=False),), None)
        )
    if (doubt := resource["stdin"].doubt) is not None:
        facts.unread_machines.append(doubt)


def _exports(environment: Value) -> str:
    found: list[str] = []
    for name in environment.names():
        value = environment[name]
        if not (value.absent or value.doubt) and re.fullmatch(r"\w+", name, re.A):
            found.append(f"export {name}={shlex.quote(str(value.raw))}\n")
    return "".join(found)


def _fed(text: str, stdin: Value) -> str:
    """A command with what it reads from its standard input."""
    given = None if stdin.absent or stdin.doubt else stdin.text
    return text if given is None else f"{{\n{text}\n}} <<'{_END}'\n{given}\n{_END}"


def copied_file(resource: Value, facts: Facts) -> None:
    """A file that `pulumi up` copies to a machine, and which something there may then read or run."""
    path = resource["remotePath"]
    source = pick(resource, "source", "localPath")
    for name, value in content(source):
        if path.doubt or value.doubt:
            facts.unread_machines.append(path.doubt or value.doubt or Doubt(path.where, "", final=True))
            continue
        target = "/".join(part for part in (str(path.raw), name) if part)
        text = str(value.raw)
        script = f"#!/bin/sh\n{_written(target, text)}\n"
        if text.startswith("#!"):
            script += f"sh {shlex.quote(target)}\n"
        if "docker" in target:
            script += "systemctl daemon-reload\nsystemctl restart docker\n"
        facts.machines.append(
            Machine(source.where, (UserData(source.where, script, None, None, has_lines=False),), None)
        )
