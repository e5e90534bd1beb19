"""Reads documents that machines run when somebody sends them: of Systems Manager, Image Builder and notebooks.

The steps of a document become one script. What stands elsewhere (another document, a file in a bucket) is named. What
the script does is for `boot.judge`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from .facts import Facts, Machine, UserData
from .scripts import Script, file_written, key
from .texts import parsed
from .values import Doubt, Value, lines, pick

_FETCHING: Final = frozenset(
    ("aws:downloadcontent", "aws:rundocument", "aws:applications", "aws:psmodule", "executedocument")
)
_FETCHING_DOCUMENTS: Final = re.compile(
    r"AWS-(?:RunRemoteScript|RunDocument|RunAnsiblePlaybook|ApplyAnsiblePlaybooks|ApplyChefRecipes|RunSaltState"
    r"|ApplyDSCMofs|InstallApplication|InstallPowerShellModule)"
)


_TAKES_COMMANDS: Final = re.compile(r"(?:^|/)AWS-Run(?:ShellScript|PowerShellScript|DockerAction)$")


def _whole(document: Value, facts: Facts) -> Value | None:
    held = parsed(document)
    if held.doubt:
        facts.unread_documents.append(held.doubt)
        return None
    return None if held.absent else held


# --- Systems Manager -----------------------------------------------------------------------------------------------


def ssm_document(resource: Value, facts: Facts, sent: Value | None = None) -> None:
    """A document of Systems Manager: a command's (schemas 1.2 and 2.x) or an automation's (0.3).

    With the parameters that are sent to it, where there are any; else with its own defaults.
    """
    held = _whole(resource["content"], facts)
    if held is None:
        return
    given: dict[str, str] = {}
    if sent is not None:
        for name in sent.names():
            if not sent[name].doubt:
                given[key(name)] = "\n".join(lines(sent[name]))
    _ssm(held, facts, given)


def _ssm(held: Value, facts: Facts, given: Mapping[str, str]) -> None:
    script = Script({**_defaults(held["parameters"]), **given})
    for step in _known(held["mainSteps"], facts):
        if doubt := step["action"].doubt:
            facts.unread_documents.append(doubt)
        else:
            _step(script, step["action"].text or "", step["inputs"], facts)
    configured = held["runtimeConfig"]
    for action in configured.names():
        for inputs in _known(configured[action]["properties"], facts):
            _step(script, action, inputs, facts)
    script.given_to(facts, held.where, "everybody with ssm:GetDocument")


def _known(listed: Value, facts: Facts) -> Iterator[Value]:
    """The items of a list that are known; what is not is said to be unread."""
    for item in (listed, *listed.each()):
        if item.doubt:
            facts.unread_documents.append(item.doubt)
    for item in listed.each():
        if not item.doubt:
            yield item


def _defaults(declared: Value) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in declared.names():
        default = declared[name]["default"]
        if not (default.absent or default.doubt):
            text = "\n".join(lines(default))
            if not text.lstrip().startswith("{{"):  # a reference to Parameter Store
                found[key(name)] = text
    return found


def _step(script: Script, action: str, inputs: Value, facts: Facts) -> None:
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
            script.elsewhere.append(
                Doubt(
                    inputs.where, f"({action}) runs what stands elsewhere and cannot be read here", final=True
                )
            )
        case _:
            pass


def _docker_action(script: Script, inputs: Value) -> None:
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


def _run_command(script: Script, document: str, parameters: Value, where: str) -> None:
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
            script.runs_elsewhere(where, name)
        case _:
            pass


def sent_parameters(resource: Value) -> Value:
    """The parameters that an association or a maintenance task sends to its document."""
    given = resource["parameters"]
    return _command_parameters(resource["taskInvocationParameters"], Facts()) if given.absent else given


def ssm_association(resource: Value, facts: Facts) -> None:
    """A document of AWS's that Systems Manager runs on instances by itself, with these parameters."""
    name, parameters = resource["name"], resource["parameters"]
    _sent(name, parameters, facts, "everybody with ssm:DescribeAssociation")


def maintenance_task(resource: Value, facts: Facts) -> None:
    """A task of a maintenance window."""
    parameters = _command_parameters(resource["taskInvocationParameters"], facts)
    _sent(resource["taskArn"], parameters, facts, "everybody with ssm:GetMaintenanceWindowTask")


def _command_parameters(invocation: Value, facts: Facts) -> Value:
    block = pick(invocation, "runCommandParameters", "maintenanceWindowRunCommandParameters")
    block = block if block.doubt else next(block.each(), block)
    listed = block["parameters"]
    if not listed.is_list:
        return listed
    held = {
        # Whichever name it has, it may be the commands.
        "commands" if item["name"].doubt else str(item["name"].raw): pick(item, "values", "value").raw
        for item in _known(listed, facts)
    }
    return Value(held, listed.where)


def _sent(name: Value, parameters: Value, facts: Facts, readers: str) -> None:
    # A document whose name is not known is the stack's own, and judged itself; what is sent to it are commands, too.
    document = "AWS-RunShellScript" if name.doubt else (name.text or "")
    if parameters.doubt:
        if not name.doubt and _TAKES_COMMANDS.search(document):
            facts.unread_documents.append(parameters.doubt)
        return
    script = Script({})
    _run_command(script, document, parameters, parameters.where or "the resource")
    script.given_to(facts, parameters.where or "parameters", readers)


# --- Image Builder -------------------------------------------------------------------------------------------------


def image_component(resource: Value, facts: Facts) -> None:
    """A component of Image Builder: what is done to an image that machines start from."""
    uri = resource["uri"]
    if not uri.absent:
        facts.unread_documents.append(
            Doubt(uri.where, "names a document that cannot be read here", final=True)
        )
    held = _whole(resource["data"], facts)
    if held is None:
        return
    script = Script({**_declared(held["parameters"], "default"), **_declared(held["constants"], "value")})
    for phase in _known(held["phases"], facts):
        for step in _known(phase["steps"], facts):
            _build_step(script, str(step["action"].text or ""), step["inputs"])
    script.given_to(facts, held.where, "everybody with imagebuilder:GetComponent")


def _declared(listed: Value, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in listed.each():
        for declared in item.names():
            value = item[declared][name]
            if not (value.absent or value.doubt):
                found[key(declared)] = "\n".join(lines(value))
    return found


def _build_step(script: Script, action: str, inputs: Value) -> None:
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
                script.add(script.shell, file_written(path, text, append=what == "appendfile"))
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
            script.elsewhere.append(
                Doubt(
                    inputs.where, f"({action}) runs what stands elsewhere and cannot be read here", final=True
                )
            )
        case _:
            pass


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
            value = item["content"] if item.is_map else item
            _document(value, facts, "everybody with sagemaker:DescribeNotebookInstanceLifecycleConfig")


def _document(value: Value, facts: Facts, readers: str) -> None:
    if not value.absent:
        document = UserData(value.where, value.text, value.doubt, readers)
        facts.machines.append(Machine(value.where, (document,), None))
