"""Reads what describes instances: start-up documents and the settings of the metadata service.

What a start-up document does is for `boot.judge`; here it is only found.
"""

from .facts import Facts, Machine, Metadata, UserData
from .networks import malformed
from .values import About, Malformed, Value


def instance(resource: Value, facts: Facts) -> None:
    """An instance, a launch configuration, a launch template or a request for a spot instance."""
    _machine(resource, facts)


def native_template(resource: Value, facts: Facts) -> None:
    """A launch template of aws-native or CloudFormation: everything stands in `launchTemplateData`."""
    _inside(resource["launchTemplateData"], facts)


def spot_fleet(resource: Value, facts: Facts) -> None:
    """A request for a spot fleet: its launch specifications. Those have no setting for the metadata service."""
    for listed in (
        resource["launchSpecifications"],
        resource["spotFleetRequestConfigData"]["launchSpecifications"],
    ):
        if listed.doubt:
            facts.unread_machines.append(listed.doubt)
        for item in listed.each():
            _inside(item, facts, metadata_supported=False)


def lightsail_instance(resource: Value, facts: Facts) -> None:
    """A Lightsail instance, whose metadata service cannot be set."""
    _machine(resource, facts, metadata_read=False)


def _inside(value: Value, facts: Facts, metadata_supported: bool = True) -> None:
    if value.doubt:
        facts.unread_machines.append(value.doubt)
    elif not value.absent:
        _machine(value, facts, metadata_supported=metadata_supported)


def _machine(value: Value, facts: Facts, metadata_supported: bool = True, metadata_read: bool = True) -> None:
    documents: list[UserData] = []
    for name in ("userData", "userDataBase64"):
        document = value[name]
        if document.absent:
            continue
        try:
            text = document.text
        except Malformed as error:
            facts.unread_machines.append(malformed(document, error))
            continue
        documents.append(UserData(document.where, text, document.doubt))
    metadata = _metadata(value, metadata_supported) if metadata_read else None
    facts.machines.append(Machine(value.where, tuple(documents), metadata))


def _metadata(value: Value, supported: bool) -> Metadata:
    options = value["metadataOptions"]
    # A block may come as a list of one.
    block = options if options.doubt else next(options.each(), options)
    tokens, hops = block["httpTokens"].on(About.TOKENS), block["httpPutResponseHopLimit"].on(About.HOP_LIMIT)
    endpoint = block["httpEndpoint"]
    doubts = tuple(each.doubt for each in (tokens, hops, endpoint) if each.doubt)
    inherited = None
    if options.absent and not value["launchTemplate"].absent:
        inherited = value["launchTemplate"].where
    return Metadata(
        options.where,
        tokens.text.strip().lower() if tokens.text else None,
        hops.scalar,
        (endpoint.text or "").strip().lower() == "disabled",
        doubts,
        supported,
        inherited,
    )
