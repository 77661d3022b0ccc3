"""Every error that the API can answer, as one tree.

    PersonalizerError
    ├── InvalidInput                       the caller can mend it
    │   ├── BadRequest
    │   ├── InvalidRequest
    │   ├── InvalidRankRequest
    │   ├── InvalidRewardRequest
    │   ├── InvalidEventIdToActivate
    │   ├── InvalidServiceConfiguration
    │   │   ├── InvalidRewardWaitTime
    │   │   ├── InvalidLogRetentionDays
    │   │   ├── InvalidModelRetrainDays
    │   │   ├── InvalidLearningModeServiceConfiguration
    │   │   └── InvalidSasUri
    │   ├── InvalidApiAccess               a single-slot call on a multi-slot loop
    │   ├── InvalidMultiSlotApiAccess      and the other way round
    │   ├── ProblemTypeIncompatibleWithAutoOptimization
    │   ├── InvalidPolicyContract
    │   ├── InvalidPolicyConfiguration
    │   ├── InvalidStartDateEndDate
    │   ├── AggregationIntervalTooShort
    │   ├── AggregationIntervalInvalid
    │   ├── AggregationEventCountTooSmall
    │   ├── AggregationEventCountInvalid
    │   ├── InvalidEvaluationContract
    │   ├── DuplicateCustomPolicyNames
    │   ├── NoLogsExistInDateRange
    │   ├── EvaluationAlreadyExists
    │   ├── FeatureImportanceAlreadyExists
    │   ├── InvalidContract
    │   ├── InvalidModelMetadata
    │   ├── InvalidModelImportFormat
    │   └── InvalidModelImportSignature
    ├── PayloadSizeExceeded                more than one call may carry
    ├── Unauthorized                       no valid key or token
    │   └── InvalidToken
    ├── PermissionDenied                   known, and not let do this
    ├── TooManyRequests                    more calls in a second than a caller may make
    ├── ResourceNotFound                   no such path, version or loop
    │   ├── EvaluationNotFound
    │   ├── LearningSettingsNotFound
    │   ├── EvaluationModelNotFound
    │   └── FeatureImportanceNotFound
    ├── OperationNotAllowed                the path is known, the method is not
    ├── OperationConflict                  it can't be done as things stand
    ├── StorageUnavailable                 the event could not be kept; try again
    ├── IssuerUnavailable                  no token can be verified for now; try again
    └── InternalServerError                a defect of the service

The name of a class is the code that goes over the wire, unless it sets ``code``.
Only ``api/`` knows which status each one answers with.
"""

from __future__ import annotations


class PersonalizerError(Exception):
    """Base of every error that the API answers.

    Args:
        message: What is wrong and what to do, for the caller to read.
        target: The place in the request, such as ``actions[2].features[0].tags[1]``.
    """

    code: str = ""

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            cls.code = cls.__name__

    def __init__(self, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.target = target


class InvalidInput(PersonalizerError):
    """Raised when a request can't be served as it is; a subclass names what was asked for."""


class BadRequest(InvalidInput):
    """Raised for bad input of an operation that has no code of its own."""


class InvalidRequest(InvalidInput):
    """Raised when a batch of events is malformed, or holds what this service can't read."""


class InvalidRankRequest(InvalidInput):
    """Raised when a rank request breaks a rule of actions, ids or features."""


class InvalidRewardRequest(InvalidInput):
    """Raised when a reward is missing or is no finite number."""


class InvalidEventIdToActivate(InvalidInput):
    """Raised when what is to be activated can't be the id of an event."""


class InvalidServiceConfiguration(InvalidInput):
    """Raised when a member of the service configuration is missing, mistyped or out of range."""


class InvalidRewardWaitTime(InvalidServiceConfiguration):
    """Raised when the reward wait time is outside what the deployment allows."""


class InvalidLogRetentionDays(InvalidServiceConfiguration):
    """Raised when the log would be dropped before its events are joined."""


class InvalidModelRetrainDays(InvalidServiceConfiguration):
    """Raised when a retrain would reach further back than the log does."""


class InvalidLearningModeServiceConfiguration(InvalidServiceConfiguration):
    """Raised when the learning mode changes together with how rewards are made."""


class InvalidSasUri(InvalidServiceConfiguration):
    """Raised when the log can't be mirrored to where a SAS URI leads."""


class InvalidApiAccess(InvalidInput):
    """Raised when a multi-slot loop is called as if an event were a single choice."""


class InvalidMultiSlotApiAccess(InvalidInput):
    """Raised when a single-slot loop is called as if an event had slots."""


class ProblemTypeIncompatibleWithAutoOptimization(InvalidInput):
    """Raised when a loop would be multi-slot and optimise itself: only single-slot ones can."""


class InvalidPolicyContract(InvalidInput):
    """Raised when a policy lacks a member, or one of them is too long or mistyped."""


class InvalidPolicyConfiguration(InvalidInput):
    """Raised when learning settings hold an option that is not allowed, or that VW rejects."""


class InvalidStartDateEndDate(InvalidInput):
    """Raised when a range of time has a bound that is none, or ends before it starts."""


class AggregationIntervalTooShort(InvalidInput):
    """Raised when metrics are asked for by less than an hour."""


class AggregationIntervalInvalid(InvalidInput):
    """Raised when metrics are asked for by anything but whole hours."""


class AggregationEventCountTooSmall(InvalidInput):
    """Raised when metrics are asked for by fewer events than are counted together."""


class AggregationEventCountInvalid(InvalidInput):
    """Raised when metrics are asked for by events that are no multiple of what is counted."""


class InvalidEvaluationContract(InvalidInput):
    """Raised when what an evaluation is asked for is missing, mistyped or out of range."""


class DuplicateCustomPolicyNames(InvalidInput):
    """Raised when two policies of an evaluation would have the same name."""


class NoLogsExistInDateRange(InvalidInput):
    """Raised when there are no joined events in the range of time that is asked about."""


class EvaluationAlreadyExists(InvalidInput):
    """Raised when a new evaluation is to have the id of another one."""


class FeatureImportanceAlreadyExists(InvalidInput):
    """Raised when there is a feature importance of an id already."""


class InvalidContract(InvalidInput):
    """Raised when what is to be applied or measured lacks a member, or one of them is unfit."""


class InvalidModelMetadata(InvalidInput):
    """Raised when what is said of a staged model is mistyped or too long."""


class InvalidModelImportFormat(InvalidInput):
    """Raised when what is imported is no signed model, or none of the loop's kind."""


class InvalidModelImportSignature(InvalidInput):
    """Raised when an imported model's signer is not trusted, or did not sign it."""


class PayloadSizeExceeded(PersonalizerError):
    """Raised when a request is larger, or has more features, than the service takes."""


class Unauthorized(PersonalizerError):
    """Raised when a request has no key, or one that opens no loop."""

    code = "401"


class InvalidToken(Unauthorized):
    """Raised when a bearer token proves nothing; the message says why, and holds none of it."""

    code = "401"


class PermissionDenied(PersonalizerError):
    """Raised when a client key, or somebody whom a token names, may not call what was called."""


class TooManyRequests(PersonalizerError):
    """Raised when a caller has used up its calls.

    Args:
        message: What is wrong, for the caller to read.
        retry_after: Whole seconds until there is one again, at least 1.
    """

    code = "429"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ResourceNotFound(PersonalizerError):
    """Raised when nothing answers at a path, in a version or under a loop's name."""


class EvaluationNotFound(ResourceNotFound):
    """Raised when there is no evaluation of an id."""


class LearningSettingsNotFound(ResourceNotFound):
    """Raised when an evaluation has judged no policy of a name."""


class EvaluationModelNotFound(ResourceNotFound):
    """Raised when the model that an evaluation has trained is gone, or does not work any more."""


class FeatureImportanceNotFound(ResourceNotFound):
    """Raised when there is no feature importance of an id."""


class OperationNotAllowed(PersonalizerError):
    """Raised when a path is called with a method that it does not have.

    Args:
        message: What is wrong, for the caller to read.
        allowed: The methods that the path has.
    """

    def __init__(self, message: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class OperationConflict(PersonalizerError):
    """Raised when an operation can't be done as things stand; the message says why."""

    code = "OperationNotAllowed"


class StorageUnavailable(PersonalizerError):
    """Raised when storage did not take or give what was asked for in its time."""

    code = "RequestTimeout"


class IssuerUnavailable(PersonalizerError):
    """Raised when the keys that tokens are verified with could not be fetched yet."""

    code = "RequestTimeout"


class InternalServerError(PersonalizerError):
    """Raised in place of anything unforeseen; says nothing about the cause."""
