"""Calls the echo service (echo.proto, grpc_server.ts) with gRPC's C core and tells how each check went, a JSON line each.

    /usr/bin/python3 test/support/python_client.py 127.0.0.1:15001 echo

No generated code: requests and replies are taken apart by hand.
"""

import json
import sys
import threading
import traceback
from urllib.parse import quote

import grpc

TARGET, AUTHORITY = sys.argv[1], sys.argv[2]
MB = 1024 * 1024
CHECKS = []


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(payload):
    """EchoRequest, and SeenRequest just as well: one length-delimited field 1."""
    return b"\x0a" + varint(len(payload)) + payload


def decode(data):
    """Any message of length-delimited and varint fields, as a dict by field number."""
    fields, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            octet = data[at]
            at += 1
            value |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                return value

    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            fields[tag >> 3] = read()
        else:
            length = read()
            fields[tag >> 3] = data[at : at + length]
            at += length
    return fields


channel = grpc.insecure_channel(
    TARGET,
    options=[
        ("grpc.default_authority", AUTHORITY),
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_metadata_size", 64 * 1024),
    ],
)
unary = channel.unary_unary("/outrigger.test.Echo/Unary", encode, decode)
client_stream = channel.stream_unary("/outrigger.test.Echo/ClientStream", encode, decode)
server_stream = channel.unary_stream("/outrigger.test.Echo/ServerStream", encode, decode)
bidi = channel.stream_stream("/outrigger.test.Echo/Bidi", encode, decode)
seen = channel.unary_unary("/outrigger.test.Echo/Seen", encode, decode)


def check(title):
    def register(function):
        CHECKS.append((title, function))
        return function

    return register


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"got {str(actual)[:200]!r}, expected {str(expected)[:200]!r}")


def failure(call):
    """The error of a call that has to fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


@check("a unary call is answered by the instance")
def _():
    same(unary(b"hello", timeout=20)[1], b"hello")


@check("a client stream arrives whole")
def _():
    payloads = [b"message %d" % i for i in range(500)]
    same(client_stream(iter(payloads), timeout=20)[4], sum(map(len, payloads)))


@check("a server stream arrives whole")
def _():
    replies = list(server_stream(b"tick", metadata=[("echo-replies", "500")], timeout=20))
    same(len(replies), 500)
    same(replies[-1][1], b"tick")


@check("both sides of a bidirectional stream flow")
def _():
    payloads = [b"%d" % i for i in range(300)]
    same([reply[1] for reply in bidi(iter(payloads), timeout=20)], payloads)


@check("messages of 10 MB pass in both directions")
def _():
    payload = bytes(range(256)) * (10 * MB // 256)
    same(unary(payload, timeout=60)[1] == payload, True)


@check("messages of 10 MB pass in both directions of a stream")
def _():
    payloads = [bytes([fill]) * (10 * MB) for fill in (1, 2, 3)]
    same([reply[1] for reply in bidi(iter(payloads), timeout=60)] == payloads, True)


@check("metadata keeps its order, its duplicates and its binary values")
def _():
    octets = bytes(range(256))
    _, call = unary.with_call(
        b"x",
        timeout=20,
        metadata=[
            ("back-list", "one"),
            ("back-list", "two"),
            ("back-octets-bin", octets),
            ("back-octets-bin", b"\0"),
            ("trail-octets-bin", octets),
        ],
    )
    # The server is Node's, which joins the values of a repeated key.
    same(", ".join(v for k, v in call.initial_metadata() if k == "back-list"), "one, two")
    same([v for k, v in call.initial_metadata() if k == "back-octets-bin"], [octets, b"\0"])
    same([v for k, v in call.trailing_metadata() if k == "trail-octets-bin"], [octets])


@check("a status and its message pass as they are, UTF-8 and percent signs included")
def _():
    details = '100% of ação, 猫 and \n new lines: "quoted"'
    for headers_first in (False, True):
        metadata = [("echo-status", "9"), ("echo-message", quote(details)), ("trail-why", "so")]
        if headers_first:
            metadata.append(("echo-headers-first", "1"))
        error = failure(lambda: unary(b"x", metadata=metadata, timeout=20))
        same(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        same(error.details(), details)
        same([v for k, v in error.trailing_metadata() if k == "trail-why"], ["so"])


@check("a stream that fails after some messages delivers the messages and then the status")
def _():
    replies = []

    def read():
        metadata = [("echo-replies", "7"), ("echo-status", "11"), ("echo-headers-first", "1")]
        for reply in server_stream(b"x", metadata=metadata, timeout=20):
            replies.append(reply)

    same(failure(read).code(), grpc.StatusCode.OUT_OF_RANGE)
    same(len(replies), 7)


def eventually_cancelled(call_id):
    for _ in range(100):
        fate = seen(call_id, timeout=20)
        if fate.get(3) == 1 and fate.get(2, 0) == 0:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"the instance saw {fate}")


@check("the client's deadline ends a call with status 4 and the instance sees it end")
def _():
    metadata = [("echo-sleep-ms", "20000"), ("echo-id", "python deadline")]
    error = failure(lambda: unary(b"x", metadata=metadata, timeout=0.5))
    same(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    eventually_cancelled(b"python deadline")


@check("cancelling a call reaches the instance")
def _():
    metadata = [("echo-sleep-ms", "50"), ("echo-replies", "1000"), ("echo-id", "python cancel")]
    call = server_stream(b"x", metadata=metadata, timeout=20)
    next(call)
    call.cancel()
    eventually_cancelled(b"python cancel")


@check("an unknown method is answered by the instance")
def _():
    method = channel.unary_unary("/outrigger.test.Echo/NoSuchMethod", encode, decode)
    same(failure(lambda: method(b"", timeout=20)).code(), grpc.StatusCode.UNIMPLEMENTED)


@check("1,000 calls at once are all answered")
def _():
    calls = [unary.future(b"%d" % i, timeout=60) for i in range(1000)]
    same([call.result()[1] for call in calls], [b"%d" % i for i in range(1000)])


for title, function in CHECKS:
    try:
        function()
        print(json.dumps({"title": title, "ok": True}), flush=True)
    except Exception as error:  # a failed check is a result like any other
        why = "".join(traceback.format_exception_only(type(error), error)).strip()
        print(json.dumps({"title": title, "ok": False, "why": why}), flush=True)
channel.close()
