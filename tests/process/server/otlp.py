"""A receiver of traces: OTLP over HTTP, as a collector takes them."""

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.waiting import wait_until


class Receiver:
    """A receiver that keeps the spans."""

    def __init__(self, url):
        self.url = url
        self.spans = []
        self.raw = b""

    def take(self, body):
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def of(self, request_id):
        """Wait for the span of a request."""

        def found():
            return [s for s in self.spans if request_id == fields(s).get("discount.request_id")]

        wait_until(found, f"no span of {request_id}")
        return found()[0]

    def below(self, span):
        """Return the spans below a span, in order."""
        found = [other for other in self.spans if other.parent_span_id == span.span_id]
        return sorted(found, key=lambda other: other.end_time_unix_nano)


def fields(span):
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


@contextmanager
def receiving():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert "/v1/traces" == self.path
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            taker.take(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taker = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield taker
        server.shutdown()
        thread.join()
