from __future__ import annotations

import pytest
import redis
from redis._parsers.base import BaseParser

from conveyor.ledger.refusals import code_of, is_for_ever

ANSWERS = {
    "READONLY You can't write against a read only replica.": "READONLY",
    "READONLY You can't write. script: 1, on @user_script:1.": "READONLY",
    "UNBLOCKED force unblock from blocking operation, instance state changed": "UNBLOCKED",
    "MASTERDOWN Link with MASTER is down.": "MASTERDOWN",
    "LOADING Redis is loading the dataset in memory": "LOADING",
    "NOREPLICAS Not enough good replicas to write.": "NOREPLICAS",
    "MISCONF Errors writing to the AOF file: No space left on device": "MISCONF",
    "OOM command not allowed when used memory > 'maxmemory'.": "OOM",
    "BUSY Redis is busy running a script.": "BUSY",
    "EXECABORT Transaction discarded because of: OOM command not allowed.": "OOM",
    "CLUSTERDOWN The cluster is down": "CLUSTERDOWN",
    "TRYAGAIN Multiple keys request during rehashing of slot": "TRYAGAIN",
    "NOAUTH Authentication required.": "NOAUTH",
    "WRONGPASS invalid username-password pair or user is disabled.": "WRONGPASS",
    "ERR invalid password": "WRONGPASS",
    "NOPERM User x has no permissions to run the 'get' command": "NOPERM",
    "ERR max number of clients reached": "MAXCLIENTS",
    "WRONGTYPE Operation against a key holding the wrong kind of value": "",
    "BUSYGROUP Consumer Group name already exists": "",
    "NOSCRIPT No matching script.": "",
    "MOVED 3999 127.0.0.1:6381": "",
    "ERR DB index is out of range": "",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_of_a_server_that_will_serve_again_has_a_code(answer):
    assert code_of(BaseParser.parse_error(answer)) == ANSWERS[answer]


FOR_EVER = {
    "MOVED 3999 127.0.0.1:6381": True,
    "ERR DB index is out of range": True,
    "ERR SELECT is not allowed in cluster mode": True,
    "LOADING Redis is loading the dataset in memory": False,
    "READONLY You can't write against a read only replica.": False,
}


@pytest.mark.parametrize("answer", FOR_EVER)
def test_permanent_error_is_explained_by_its_cause(answer):
    error = redis.ConnectionError("lost")
    error.__cause__ = BaseParser.parse_error(answer)

    assert is_for_ever(error) is FOR_EVER[answer]
