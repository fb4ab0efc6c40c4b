"""A first look at a store that is not ours."""

from __future__ import annotations

import structlog
from redis.exceptions import RedisError, ResponseError

from server.valkey import check_version, connect

log = structlog.get_logger("miaodan.supervisor")


async def greet(url: str) -> None:
    """Log its version, and a warning where it may lose what it acknowledged.

    Raises StoreTooOld. One that does not answer yet may still come: that is a warning as well.
    """
    client = connect(url, name="miaodan-supervisor")
    try:
        log.info("store", version=await check_version(client))
        kept = {str(name): str(value) for name, value in (await client.config_get("append*")).items()}
        if (kept.get("appendonly"), kept.get("appendfsync")) != ("yes", "always"):
            log.warning("the store may lose acknowledged orders in a crash", needed="appendfsync always")
    except ResponseError as error:
        log.warning("the store does not tell how it keeps data", reason=str(error))
    except (RedisError, OSError) as error:
        log.warning("the store does not answer yet", reason=str(error))
    finally:
        await client.aclose()
