"""Roles, their policies and profiles, and Parameter Store."""

import json
from typing import Any

from lab.engine.providers.aws.api import AwsKind, as_tags, found, present, same_json
from lab.engine.providers.plugin import Inputs, Refused, State

_STANDARD_LIMIT, _ADVANCED_LIMIT = 4096, 8192


class Role(AwsKind):
    token = "aws:iam/role:Role"
    replaced_by = frozenset({"name", "path"})
    computed = frozenset(
        {"name", "path", "inlinePolicies", "managedPolicyArns", "namePrefix", "maxSessionDuration"}
    )
    defaults = {"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"}
    not_stored = frozenset({"forceDetachPolicies", "inlinePolicies", "managedPolicyArns"})
    name_length = 64

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        return _policy_problems(inputs, "assumeRolePolicy")

    def same(self, argument: str, state: Any, wanted: Any) -> bool:
        return argument == "assumeRolePolicy" and same_json(state, wanted)

    def create(self, inputs: Inputs) -> str:
        self.api.iam.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Path=inputs["path"],
            Tags=as_tags(self.api.all_tags(inputs)),
            **present(Description=inputs.get("description")),
        )
        return inputs["name"]

    def read(self, identity: str, state: State) -> State | None:
        answer = found(lambda: self.api.iam.get_role(RoleName=identity), "NoSuchEntity")
        if answer is None:
            return None
        role = answer["Role"]
        return {
            "id": identity,
            "name": identity,
            "arn": role["Arn"],
            "path": role["Path"],
            "uniqueId": role["RoleId"],
            "description": role.get("Description", ""),
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            **self.api.read_tags(role.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if "assumeRolePolicy" in changed:
            self.api.iam.update_assume_role_policy(
                RoleName=identity, PolicyDocument=inputs["assumeRolePolicy"]
            )
        if "description" in changed:
            self.api.iam.update_role(RoleName=identity, Description=inputs.get("description", ""))
        _retag(self, "role", identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.iam.delete_role(RoleName=identity), "NoSuchEntity")


class RolePolicy(AwsKind):
    token = "aws:iam/rolePolicy:RolePolicy"
    replaced_by = frozenset({"name", "role"})
    computed = frozenset({"name", "namePrefix"})
    name_length = 128

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        return _policy_problems(inputs, "policy")

    def same(self, argument: str, state: Any, wanted: Any) -> bool:
        return argument == "policy" and same_json(state, wanted)

    def create(self, inputs: Inputs) -> str:
        self._put(inputs["role"], inputs["name"], inputs["policy"])
        return f"{inputs['role']}:{inputs['name']}"

    def read(self, identity: str, state: State) -> State | None:
        role, name = identity.split(":")
        answer = found(lambda: self.api.iam.get_role_policy(RoleName=role, PolicyName=name), "NoSuchEntity")
        if answer is None:
            return None
        return {"id": identity, "role": role, "name": name, "policy": json.dumps(answer["PolicyDocument"])}

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        role, name = identity.split(":")
        self._put(role, name, inputs["policy"])

    def delete(self, identity: str, state: State) -> None:
        role, name = identity.split(":")
        found(lambda: self.api.iam.delete_role_policy(RoleName=role, PolicyName=name), "NoSuchEntity")

    def _put(self, role: str, name: str, policy: str) -> None:
        self.api.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)


class InstanceProfile(AwsKind):
    token = "aws:iam/instanceProfile:InstanceProfile"
    replaced_by = frozenset({"name", "path"})
    computed = frozenset({"name", "namePrefix", "path"})
    defaults = {"path": "/"}
    name_length = 128

    def create(self, inputs: Inputs) -> str:
        self.api.iam.create_instance_profile(
            InstanceProfileName=inputs["name"], Path=inputs["path"], Tags=as_tags(self.api.all_tags(inputs))
        )
        if inputs.get("role"):
            self.api.iam.add_role_to_instance_profile(
                InstanceProfileName=inputs["name"], RoleName=inputs["role"]
            )
        return inputs["name"]

    def read(self, identity: str, state: State) -> State | None:
        answer = found(
            lambda: self.api.iam.get_instance_profile(InstanceProfileName=identity), "NoSuchEntity"
        )
        if answer is None:
            return None
        profile = answer["InstanceProfile"]
        return {
            "id": identity,
            "name": identity,
            "arn": profile["Arn"],
            "path": profile["Path"],
            "uniqueId": profile["InstanceProfileId"],
            "role": profile["Roles"][0]["RoleName"] if profile["Roles"] else "",
            **self.api.read_tags(profile.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if "role" in changed:
            self._release(identity, state)
            self.api.iam.add_role_to_instance_profile(InstanceProfileName=identity, RoleName=inputs["role"])
        _retag(self, "instance_profile", identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        self._release(identity, state)
        found(lambda: self.api.iam.delete_instance_profile(InstanceProfileName=identity), "NoSuchEntity")

    def _release(self, identity: str, state: State) -> None:
        if role := state.get("role"):
            found(
                lambda: self.api.iam.remove_role_from_instance_profile(
                    InstanceProfileName=identity, RoleName=role
                ),
                "NoSuchEntity",
            )


class Parameter(AwsKind):
    token = "aws:ssm/parameter:Parameter"
    replaced_by = frozenset({"name", "dataType"})
    computed = frozenset({"arn", "dataType", "insecureValue", "keyId", "name", "region", "tier", "overwrite"})
    not_stored = frozenset({"overwrite", "valueWo", "valueWoVersion"})
    name_length = 1011

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        if inputs["type"] not in ("String", "StringList", "SecureString"):
            return [
                ("type", f"expected type to be one of [String StringList SecureString], got {inputs['type']}")
            ]
        if inputs.get("tier", "Standard") not in ("Standard", "Advanced", "Intelligent-Tiering"):
            return [
                (
                    "tier",
                    f"expected tier to be Standard, Advanced or Intelligent-Tiering, got {inputs['tier']}",
                )
            ]
        return []

    def same(self, argument: str, state: Any, wanted: Any) -> bool:
        # Which tier the intelligence chose is no difference.
        return argument == "tier" and wanted == "Intelligent-Tiering"

    def create(self, inputs: Inputs) -> str:
        self._put(inputs, False)
        if tags := as_tags(self.api.all_tags(inputs)):
            self.api.ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=inputs["name"], Tags=tags)
        return inputs["name"]

    def read(self, identity: str, state: State) -> State | None:
        answer = found(
            lambda: self.api.ssm.get_parameter(Name=identity, WithDecryption=True), "ParameterNotFound"
        )
        if answer is None:
            return None
        parameter = answer["Parameter"]
        filters = [{"Key": "Name", "Option": "Equals", "Values": [identity]}]
        described = self.api.ssm.describe_parameters(ParameterFilters=filters)["Parameters"][0]
        tags = self.api.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=identity)["TagList"]
        return {
            "id": identity,
            "name": identity,
            "arn": parameter["ARN"],
            "type": parameter["Type"],
            "value": parameter["Value"],
            "version": parameter["Version"],
            "dataType": parameter.get("DataType", "text"),
            "description": described.get("Description", ""),
            "keyId": described.get("KeyId", ""),
            "tier": described.get("Tier", "Standard"),
            "region": self.api.region,
            **self.api.read_tags(tags, state),
        }

    def unknown_after(self, changed: set[str], inputs: Inputs) -> set[str]:
        return {"version"}

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if changed - {"tags", "tagsAll", "overwrite"}:
            # Of what the caller may leave out only what changed is sent, KeyId among it: terraform-provider-aws,
            # internal/service/ssm/parameter.go, resourceParameterUpdate.
            unsent = {"keyId", "description"} - changed
            sent = {name: value for name, value in inputs.items() if name not in unsent}
            self._put({**sent, "name": identity}, True)
        was, wanted = state.get("tagsAll") or {}, self.api.all_tags(inputs)
        if gone := [key for key in was if key not in wanted]:
            self.api.ssm.remove_tags_from_resource(
                ResourceType="Parameter", ResourceId=identity, TagKeys=gone
            )
        if wanted:
            self.api.ssm.add_tags_to_resource(
                ResourceType="Parameter", ResourceId=identity, Tags=as_tags(wanted)
            )

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ssm.delete_parameter(Name=identity), "ParameterNotFound")

    def _put(self, inputs: Inputs, overwrite: bool) -> None:
        value, tier = inputs["value"], inputs.get("tier", "Standard")
        size = len(value.encode())
        if size > (_STANDARD_LIMIT if tier == "Standard" else _ADVANCED_LIMIT):
            raise Refused(
                f"creating SSM Parameter: ValidationException: the value has {size} characters, too many for {tier}"
            )
        if tier == "Intelligent-Tiering":
            # Moto writes the request down instead of choosing.
            tier = "Standard" if size <= _STANDARD_LIMIT else "Advanced"
        self.api.ssm.put_parameter(
            Name=inputs["name"],
            Type=inputs["type"],
            Value=value,
            Tier=tier,
            Overwrite=overwrite,
            **present(KeyId=inputs.get("keyId") or None, Description=inputs.get("description")),
        )


def _policy_problems(inputs: Inputs, name: str) -> list[tuple[str, str]]:
    text = inputs.get(name)
    if isinstance(text, str):
        try:
            json.loads(text)
        except ValueError as error:
            return [(name, f'"{name}" contains an invalid JSON policy: {error}')]
    return []


def _retag(kind: AwsKind, noun: str, identity: str, state: State, inputs: Inputs) -> None:
    """IAM's resources have calls of their own for tags."""
    argument = {"role": "RoleName", "instance_profile": "InstanceProfileName"}[noun]
    was, wanted = state.get("tagsAll") or {}, kind.api.all_tags(inputs)
    if gone := [key for key in was if key not in wanted]:
        getattr(kind.api.iam, f"untag_{noun}")(**{argument: identity}, TagKeys=gone)
    if new := {k: v for k, v in wanted.items() if was.get(k) != v}:
        getattr(kind.api.iam, f"tag_{noun}")(**{argument: identity}, Tags=as_tags(new))


KINDS = [Role, RolePolicy, InstanceProfile, Parameter]
