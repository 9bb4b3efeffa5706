"""An echo service on grpcio, whose messages are bytes, and what it saw at /stats of another port.

A token is `<name>.<end>`: it is good until that moment, in seconds since 1970, by this machine's clock.

Unary, ServerStream, ClientStream, Bidi   want a good token, and say so before they answer anything
Challenge       the same, and gives a reason (WWW-Authenticate) with the status
Scope           always UNAUTHENTICATED, for another reason: insufficient_scope
Denied          always PERMISSION_DENIED
LateAfterHead   always UNAUTHENTICATED, after initial metadata was sent
LateInTheMiddle always UNAUTHENTICATED, after two messages
"""

import json
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc

calls = defaultdict(Counter)  # by method, by token's name
lock = threading.Lock()


def refuse(context, details, challenge=None):
    if challenge:
        context.set_trailing_metadata((("www-authenticate", challenge),))
    context.abort(grpc.StatusCode.UNAUTHENTICATED, details)


def arrives(method, context):
    """Counts the call; returns whether its token is good."""
    credential = dict(context.invocation_metadata()).get("authorization", "")
    name, _, end = credential.removeprefix("Bearer ").rpartition(".")
    with lock:
        calls[method][name] += 1
    return end.isdigit() and time.time() < int(end)


def guarded(method, answer):
    def handler(request, context):
        if not arrives(method, context):
            refuse(context, "token expired")
        return answer(request)

    return handler


def guarded_stream(method, answers):
    def handler(request, context):
        if not arrives(method, context):
            refuse(context, "token expired")
        yield from answers(request)

    return handler


def challenge(request, context):
    if not arrives("Challenge", context):
        refuse(context, "token expired", 'Bearer realm="t", error="invalid_token"')
    return request


def scope(request, context):
    arrives("Scope", context)
    refuse(context, "not enough", 'Bearer realm="t", error="insufficient_scope"')


def denied(request, context):
    arrives("Denied", context)
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")


def late_after_head(request, context):
    arrives("LateAfterHead", context)
    context.send_initial_metadata((("x-head", "1"),))
    time.sleep(0.05)  # so that the head goes out by itself
    refuse(context, "late")


def late_in_the_middle(request, context):
    arrives("LateInTheMiddle", context)
    yield request
    yield request
    refuse(context, "late")


unary, server_stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
client_stream, bidi = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
methods = {
    "Unary": unary(guarded("Unary", lambda request: request)),
    "ServerStream": server_stream(guarded_stream("ServerStream", lambda request: [request] * 3)),
    "ClientStream": client_stream(guarded("ClientStream", lambda requests: b" ".join(requests))),
    "Bidi": bidi(guarded_stream("Bidi", lambda requests: requests)),
    "Challenge": unary(challenge),
    "Scope": unary(scope),
    "Denied": unary(denied),
    "LateAfterHead": unary(late_after_head),
    "LateInTheMiddle": server_stream(late_in_the_middle),
}


class Stats(BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            body = json.dumps({"grpc": f"http://127.0.0.1:{port}", "calls": calls}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = grpc.server(ThreadPoolExecutor(64))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
stats = HTTPServer(("127.0.0.1", 0), Stats)
print(f"listening http://127.0.0.1:{stats.server_port}", flush=True)
stats.serve_forever()
