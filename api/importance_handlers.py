"""What operations of feature importances do with a call; every generation has the same answers."""

from __future__ import annotations

import orjson

from api.calls import Call, Reply
from api.paging import page_members, paged
from evaluation import importances


async def put_feature_importance(call: Call) -> Reply:
    """Ask which features matter, under an id of one's own."""
    made = await importances.create_feature_importance(
        call.loop.storage, call.parameters["featureImportanceId"], call.body, call.arrived
    )
    return Reply(orjson.dumps(made.whole()))


async def get_feature_importance(call: Call) -> Reply:
    """Read how far it is, and which features matter."""
    found = await importances.get_feature_importance(
        call.loop.storage, call.parameters["featureImportanceId"]
    )
    return Reply(orjson.dumps(found.whole()))


async def list_feature_importances(call: Call) -> Reply:
    """List feature importances, without their scores."""
    found = await importances.list_feature_importances(call.loop.storage)
    page, next_link = paged(call, found)
    return Reply(orjson.dumps(page_members([each.listed() for each in page], next_link)))


async def delete_feature_importance(call: Call) -> Reply:
    """Delete a feature importance, or call it off."""
    await importances.delete_feature_importance(
        call.loop.storage, call.parameters["featureImportanceId"]
    )
    return Reply()
