"""What keeps a deployment closed: each rule returns what it has found, and nothing is well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.infra.bicep import File, Resource
from tests.infra.expressions import (
    Call,
    Condition,
    Expression,
    Literal,
    Member,
    Name,
    Operation,
    children,
    free_names,
    literal_text,
)
from tests.infra.files import Files

ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
}
"""The platform's roles that are given to anybody."""

SERVICE = "servicePrincipalId"
OWNER = "ownerPrincipalId"

GIVEN = {
    ("Microsoft.Storage/storageAccounts", SERVICE, "Storage Blob Data Owner"),
    ("Microsoft.Storage/storageAccounts", SERVICE, "Storage Table Data Contributor"),
    ("Microsoft.Storage/storageAccounts", OWNER, "Storage Blob Data Contributor"),
    ("Microsoft.Storage/storageAccounts", OWNER, "Storage Table Data Contributor"),
    ("Microsoft.Insights/components", SERVICE, "Monitoring Metrics Publisher"),
    ("Microsoft.KeyVault/vaults", SERVICE, "Key Vault Secrets User"),
    ("Microsoft.KeyVault/vaults", OWNER, "Key Vault Secrets Officer"),
}
"""Who has which role, and on what: these and no others."""

_ACCOUNT = "Microsoft.Storage/storageAccounts"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_SITE = "Microsoft.Web/sites"
_PUBLISHING = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
_VAULT = "Microsoft.KeyVault/vaults"
_PRIVATE = Name("private")
_CLOSED = Operation("&&", (_PRIVATE, Call("empty", (Name("allowedIpAddresses"),))))


@dataclass(frozen=True, slots=True)
class Requirement:
    """A property that every resource of a type must have."""

    type: str
    path: str
    value: bool | str

    def met_by(self, found: Expression | None) -> bool:
        """Whether a value is the required one, without any condition."""
        if isinstance(self.value, bool):
            return found == Literal(self.value)
        return literal_text(found) == self.value


REQUIREMENTS = (
    Requirement(_ACCOUNT, "properties.allowSharedKeyAccess", False),
    Requirement(_ACCOUNT, "properties.allowBlobPublicAccess", False),
    Requirement(_ACCOUNT, "properties.allowCrossTenantReplication", False),
    Requirement(_ACCOUNT, "properties.minimumTlsVersion", "TLS1_2"),
    Requirement(_ACCOUNT, "properties.supportsHttpsTrafficOnly", True),
    Requirement(_CONTAINERS, "properties.publicAccess", "None"),
    Requirement(_SITE, "properties.httpsOnly", True),
    Requirement(_SITE, "properties.siteConfig.minTlsVersion", "1.2"),
    Requirement(_SITE, "properties.siteConfig.scmMinTlsVersion", "1.2"),
    Requirement(_SITE, "properties.siteConfig.ftpsState", "Disabled"),
    Requirement(_SITE, "identity.type", "UserAssigned"),
    Requirement(
        _SITE,
        "properties.functionAppConfig.deployment.storage.authentication.type",
        "UserAssignedIdentity",
    ),
    Requirement(_PUBLISHING, "properties.allow", False),
    Requirement("Microsoft.Insights/components", "properties.DisableLocalAuth", True),
    Requirement(
        "Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth", True
    ),
    Requirement(_VAULT, "properties.enableRbacAuthorization", True),
    Requirement(_VAULT, "properties.enableSoftDelete", True),
    Requirement(_VAULT, "properties.enablePurgeProtection", True),
)

_SECRET_NAMES = re.compile(r"(?i)key[12]?$|secret|password|token$")
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_KEYS_BY_FUNCTION = re.compile(r"(?i)\.?\blist\w*\(|getSecret\(")
_KEYS_IN_TEXT = re.compile(r"(?i)accountkey=|sharedaccess|sig=|password=|-----begin")


def weakened(files: Files) -> Iterator[str]:
    """Resources without a property that they must have, and types of which there are none."""
    for requirement in REQUIREMENTS:
        found = list(_of_type(files, requirement.type))
        if not found:
            yield f"there is no {requirement.type}"
        for file, resource in found:
            if not requirement.met_by(resource.get(requirement.path)):
                yield f"{file.path}: {resource.name} is not {requirement.path} {requirement.value}"


def published(files: Files) -> Iterator[str]:
    """Ways of publishing by password that are not closed."""
    closed = {
        literal_text(resource.body.properties.get("name"))
        for _, resource in _of_type(files, _PUBLISHING)
    }
    for way in sorted({"ftp", "scm"} - closed):
        yield f"publishing by {way} with a password is not turned off"


def exposed(files: Files) -> Iterator[str]:
    """Storage or a vault that stays open to the internet beside a virtual network."""
    for kind in (_ACCOUNT, _VAULT):
        for file, resource in _of_type(files, kind):
            access = resource.get("properties.publicNetworkAccess")
            default = resource.get("properties.networkAcls.defaultAction")
            if not (
                isinstance(access, Condition)
                and access.test == _CLOSED
                and literal_text(access.yes) == "Disabled"
            ):
                yield f"{file.path}: {resource.name} is open to all networks"
            if not (
                isinstance(default, Condition)
                and default.test == _PRIVATE
                and literal_text(default.yes) == "Deny"
            ):
                yield f"{file.path}: {resource.name} lets unknown addresses in"


def unbounded(files: Files) -> Iterator[str]:
    """Function apps whose calls in flight are left to the platform's default, which is one."""
    path = "properties.functionAppConfig.scaleAndConcurrency"
    for file, resource in _of_type(files, _SITE):
        for name in ("triggers.http.perInstanceConcurrency", "maximumInstanceCount"):
            if not isinstance(resource.get(f"{path}.{name}"), Name):
                yield f"{file.path}: {resource.name} has no {name} that can be chosen"


def secrets(files: Files) -> Iterator[str]:
    """Keys that are read, written down or carried where they can be seen."""
    for file in files.values():
        for found in _KEYS_BY_FUNCTION.findall(file.source) + _KEYS_IN_TEXT.findall(file.source):
            yield f"{file.path}: {found}"
        for name, parameter in file.parameters.items():
            if _SECRET_NAMES.search(name) and "secure" not in parameter.decorators:
                yield f"{file.path}: {name} is not @secure()"
            if "secure" in parameter.decorators and literal_text(parameter.default) not in (
                "",
                None,
            ):
                yield f"{file.path}: {name} has a default"
        yield from _carried(files, file)


def foreign_roles(files: Files) -> Iterator[str]:
    """Roles that are unknown, given to somebody else, missing, or named by another assignment."""
    for file in files.values():
        for guid in _GUID.findall(file.source):
            if guid not in ROLES:
                yield f"{file.path}: {guid} is no role that is known here"
    given = set()
    for file, resource in _of_type(files, "Microsoft.Authorization/roleAssignments"):
        scope, principal, role = _assignment(file, resource)
        given.add((scope, principal, role))
        variable = _role_variable(resource)
        named = resource.body.properties.get("name")
        expected = Call("guid", (_id_of(resource), Name(principal), Name(variable)))
        if named != expected:
            yield f"{file.path}: the name of {resource.name} is not made of what it says"
        if principal == OWNER and OWNER not in _asked(resource):
            yield f"{file.path}: {resource.name} is there without an owner"
    for scope, principal, role in sorted(given ^ GIVEN):
        negation = "" if (scope, principal, role) in given else "not "
        yield f"{principal} is {negation}{role} of {scope}"


RULES = (weakened, published, exposed, unbounded, secrets, foreign_roles)


def _of_type(files: Files, kind: str) -> Iterator[tuple[File, Resource]]:
    for file in files.values():
        for resource in file.resources.values():
            if resource.type == kind:
                yield file, resource


def _carried(files: Files, file: File) -> Iterator[str]:
    secure = {name for name, one in file.parameters.items() if "secure" in one.decorators}
    allowed: list[Expression] = [Name(name) for name in secure]
    for module in file.modules.values():
        target = files.get(file.module_file(module))
        for name, value in module.parameters.items():
            taken = target.parameters.get(name) if target else None
            if value in allowed and (taken is None or "secure" not in taken.decorators):
                yield f"{file.path}: {module.name} is given a secret as {name}, which may be seen"
            elif value not in allowed:
                yield from _shown(file, value, secure)
    for resource in file.resources.values():
        is_secret = resource.type == f"{_VAULT}/secrets"
        if not (is_secret and resource.get("properties.value") in allowed):
            yield from _shown(file, resource.body, secure)
    values = [variable.value for variable in file.variables.values()]
    for value in (*values, *(output.value for output in file.outputs.values())):
        yield from _shown(file, value, secure)


def _shown(file: File, root: Expression, secure: set[str]) -> Iterator[str]:
    """Secrets in an expression, but for the question whether there is one."""
    if isinstance(root, Call) and root.function == "empty":
        return
    if isinstance(root, Name) and root.name in secure:
        yield f"{file.path}: {root.name} can be seen"
    for child in children(root):
        yield from _shown(file, child, secure)


def _assignment(file: File, resource: Resource) -> tuple[str, str, str]:
    scope = resource.body.properties.get("scope")
    principal = resource.get("properties.principalId")
    kind = file.resources[scope.name].type if isinstance(scope, Name) else "everything"
    value = file.variables.get(_role_variable(resource))
    guid = literal_text(value.value) if value else None
    who = principal.name if isinstance(principal, Name) else "somebody"
    return kind, who, ROLES.get(guid or "", "unknown")


def _role_variable(resource: Resource) -> str:
    definition = resource.get("properties.roleDefinitionId")
    match definition:
        case Call("subscriptionResourceId", (kind, Name(variable))) if (
            literal_text(kind) == "Microsoft.Authorization/roleDefinitions"
        ):
            return variable
        case _:
            return ""


def _id_of(resource: Resource) -> Expression:
    return Member(resource.body.properties["scope"], "id")


def _asked(resource: Resource) -> frozenset[str]:
    return frozenset() if resource.condition is None else free_names(resource.condition)
