"""A scripted PostgreSQL server for faults that a real one cannot be made to show. One thread per connection."""

import fcntl
import socket
import struct
import termios
import threading

import wire
from harness import eventually


class FakeConnection(wire.Wire):
    """The server's end of one connection; receive() reads frontend messages."""

    def __init__(self, sock):
        self.socket = sock
        self.socket.settimeout(20.0)
        self.buffer = bytearray()
        self.startup_parameters = {}
        self.cancelled = None

    def read_startup(self):
        """The startup packet; SSLRequest and GSSENCRequest are refused. False for a CancelRequest."""
        while True:
            (length,) = struct.unpack("!I", self.read_exactly(4))
            body = self.read_exactly(length - 4)
            (code,) = struct.unpack_from("!I", body)
            if code in (80877103, 80877104):
                self.send(b"N")
            elif code == wire.CANCEL_REQUEST:
                self.cancelled = body[4:]
                return False
            else:
                parts = body[4:].split(b"\0")
                self.startup_parameters = {
                    k.decode(): v.decode() for k, v in zip(parts[0::2], parts[1::2]) if k
                }
                return True

    def greet(self, **parameters):
        """Trust login up to ReadyForQuery."""
        defaults = {
            "server_version": "15.0", "server_encoding": "UTF8", "client_encoding": "UTF8", "DateStyle": "ISO, MDY",
            "IntervalStyle": "postgres", "TimeZone": "UTC", "integer_datetimes": "on", "is_superuser": "off",
            "standard_conforming_strings": "on", "application_name": self.startup_parameters.get("application_name", ""),
            "session_authorization": self.startup_parameters.get("user", ""), "in_hot_standby": "off",
            "default_transaction_read_only": "off",
        }
        defaults.update(parameters)
        self.send(wire.message("R", struct.pack("!I", 0)),
                  *(wire.message("S", wire.cstr(k) + wire.cstr(v)) for k, v in defaults.items()),
                  wire.message("K", struct.pack("!II", 4711, 815)), ready())

    def until_received(self):
        """Waits until all that was sent lies in the other side's socket: on a busy machine loopback takes its time."""
        def unacknowledged():
            return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]
        eventually(lambda: unacknowledged() == 0, what="the other side has it")

    def answer_one_row(self, text="1"):
        self.send(row_description("a"), data_row(text), command_complete("SELECT 1"), ready())


def ready(status="I"):
    return wire.message("Z", status.encode())


def row_description(*names):
    return wire.message("T", struct.pack("!H", len(names)) + b"".join(
        wire.cstr(n) + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0) for n in names))


def data_row(*values):
    return wire.message("D", struct.pack("!H", len(values)) + b"".join(
        struct.pack("!i", len(v.encode())) + v.encode() for v in values))


def command_complete(tag):
    return wire.message("C", wire.cstr(tag))


def error(severity="ERROR", code="XX000", text="scripted", **more):
    fields = {"S": severity, "V": severity, "C": code, "M": text, **more}
    return wire.message("E", b"".join(k.encode() + wire.cstr(v) for k, v in fields.items() if v is not None) + b"\0")


class FakeServer:
    """`serve(connection, number)` plays one connection; number counts from 0."""

    def __init__(self, serve):
        self.serve = serve
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.failures = []
        self.open = []
        self.stopping = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.stopping:
                sock.close()
                return
            number, self.connections = self.connections, self.connections + 1
            self.open.append(sock)
            threading.Thread(target=self._play, args=(sock, number), daemon=True).start()

    def _play(self, sock, number):
        connection = FakeConnection(sock)
        try:
            self.serve(connection, number)
        except (wire.Closed, OSError):
            pass  # the proxy closed first; tests look at what the client saw
        except Exception as e:  # noqa: BLE001 - reported by the test through `failures`
            self.failures.append(e)
        finally:
            sock.close()

    def refuse(self):
        """From now on connections are refused: shut down first, as closing would not end the accept() in the other thread."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def stop(self):
        self.stopping = True
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            pass
        self.listener.close()
        for sock in self.open:
            sock.close()
        self.thread.join(5)
