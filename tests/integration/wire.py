"""A tiny synchronous PostgreSQL v3 client for scripted message sequences: it sends exactly what it is told to send.

Messages are named as in the PostgreSQL manual. Builders return bytes; `Wire` is one connection; `transcript()` writes
replies in a form that can be compared between a direct connection and one through the proxy.
"""

import base64
import hashlib
import hmac
import os
import socket
import struct

PROTOCOL_3_0 = 196608
PROTOCOL_3_2 = 196610
SSL_REQUEST_PACKET = struct.pack("!II", 8, 80877103)
SSL_REQUEST = 80877103
CANCEL_REQUEST = 80877102


class Closed(Exception):
    """The other side closed the connection."""


class ServerError(Exception):
    """An ErrorResponse where success was expected."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('S')} {fields.get('C')}: {fields.get('M')}")
        self.fields = fields
        self.code = fields.get("C")


# ---- builders -------------------------------------------------------------------------------------------------------


def cstr(text):
    return (text.encode() if isinstance(text, str) else text) + b"\0"


def message(kind, body=b""):
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def startup(params, protocol=PROTOCOL_3_0):
    body = struct.pack("!I", protocol) + b"".join(cstr(k) + cstr(v) for k, v in params.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def cancel_request(pid, secret):
    return struct.pack("!III", 12 + len(secret), CANCEL_REQUEST, pid) + secret


def query(sql):
    return message("Q", cstr(sql))


def parse(sql, name="", types=()):
    return message("P", cstr(name) + cstr(sql) + struct.pack("!H", len(types)) + b"".join(struct.pack("!I", t) for t in types))


def bind(values=(), statement="", portal="", formats=(), result_formats=()):
    body = cstr(portal) + cstr(statement)
    body += struct.pack("!H", len(formats)) + b"".join(struct.pack("!h", f) for f in formats)
    body += struct.pack("!H", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            raw = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(raw)) + raw
    body += struct.pack("!H", len(result_formats)) + b"".join(struct.pack("!h", f) for f in result_formats)
    return message("B", body)


def describe_statement(name=""):
    return message("D", b"S" + cstr(name))


def describe_portal(name=""):
    return message("D", b"P" + cstr(name))


def execute(portal="", limit=0):
    return message("E", cstr(portal) + struct.pack("!i", limit))


def close_statement(name):
    return message("C", b"S" + cstr(name))


def close_portal(name):
    return message("C", b"P" + cstr(name))


def sync():
    return message("S")


def flush():
    return message("H")


def terminate():
    return message("X")


def copy_data(data):
    return message("d", data if isinstance(data, bytes) else data.encode())


def copy_done():
    return message("c")


def copy_fail(text):
    return message("f", cstr(text))


def function_call(oid, *arguments):
    body = struct.pack("!IHhH", oid, 1, 0, len(arguments))
    for argument in arguments:
        raw = str(argument).encode()
        body += struct.pack("!i", len(raw)) + raw
    return message("F", body + struct.pack("!h", 0))


# ---- replies --------------------------------------------------------------------------------------------------------


class Message:
    def __init__(self, kind, body):
        self.kind = kind
        self.body = body

    def __repr__(self):
        return transcript([self])

    @property
    def fields(self):
        """Of an ErrorResponse or NoticeResponse."""
        result = {}
        for part in self.body.split(b"\0"):
            if part:
                result[chr(part[0])] = part[1:].decode(errors="replace")
        return result

    @property
    def values(self):
        """Of a DataRow: bytes or None."""
        (count,) = struct.unpack_from("!H", self.body)
        result, at = [], 2
        for _ in range(count):
            (length,) = struct.unpack_from("!i", self.body, at)
            at += 4
            result.append(None if length < 0 else self.body[at : at + length])
            at += max(length, 0)
        return result

    @property
    def tag(self):
        """Of a CommandComplete."""
        return self.body[:-1].decode()

    @property
    def status(self):
        """Of a ReadyForQuery."""
        return self.body.decode()


def transcript(messages):
    """One word per message; what differs between two runs by nature (pids, positions in files) is left out."""
    words = []
    for m in messages:
        if m.kind == "E" or m.kind == "N":
            words.append(f"{m.kind}:{m.fields.get('C')}")
        elif m.kind == "Z":
            words.append(f"Z:{m.status}")
        elif m.kind == "C":
            words.append(f"C:{m.tag.replace(' ', '_')}")
        elif m.kind == "D":
            words.append("D:" + ",".join("null" if v is None else v.decode(errors="replace")[:40] for v in m.values))
        elif m.kind == "S":
            words.append("S:" + m.body.split(b"\0")[0].decode())
        else:
            words.append(m.kind)
    return " ".join(words)


# ---- a connection ---------------------------------------------------------------------------------------------------


class Wire:
    def __init__(self, host, port, timeout=20.0, receive_buffer=None, prepare=lambda s: None):
        if str(host).startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(f"{host}/.s.PGSQL.{port}")
        else:
            self.socket = socket.socket(socket.AF_INET)
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            prepare(self.socket)
            self.socket.settimeout(timeout)
            self.socket.connect((host, port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.parameters = {}
        self.pid = None
        self.secret = None
        self.negotiated = None

    # -- plumbing

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError as e:
            raise Closed(str(e)) from e
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self._fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def receive(self):
        """The next message."""
        head = self.read_exactly(5)
        (length,) = struct.unpack("!I", head[1:])
        return Message(chr(head[0]), self.read_exactly(length - 4))

    def receive_until(self, *kinds):
        """All messages up to and with the first of one of these kinds."""
        result = []
        while True:
            result.append(self.receive())
            if result[-1].kind in kinds:
                return result

    def until_ready(self, count=1):
        result = []
        for _ in range(count):
            result += self.receive_until("Z")
        return result

    def until_ready_or_closed(self):
        """All up to the first ReadyForQuery, or up to the end of the connection."""
        result = []
        try:
            while not result or result[-1].kind != "Z":
                result.append(self.receive())
        except Closed:
            pass
        return result

    def until_closed(self):
        """What still comes before the other side closes (which it must do within the time-out)."""
        result = []
        try:
            while True:
                result.append(self.receive())
        except Closed:
            return result

    def nothing_comes(self, seconds=0.1):
        """True when no byte arrives within this time (for replies that must NOT be there)."""
        if self.buffer:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except (TimeoutError, socket.timeout):
            return True
        finally:
            self.socket.settimeout(before)

    def close(self):
        self.socket.close()

    def reset(self):
        """Close with RST, as a client that died does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- TLS

    def secure(self, context, server_hostname=None):
        """Ask for TLS and shake hands; the answer must be yes."""
        self.send(SSL_REQUEST_PACKET)
        answer = self.read_exactly(1)
        assert answer == b"S", f"answered {answer!r} to the request for TLS"
        return self.secure_directly(context, server_hostname)

    def secure_directly(self, context, server_hostname=None):
        """TLS from the first byte on, as sslnegotiation=direct."""
        assert not self.buffer
        self.socket = context.wrap_socket(self.socket, server_hostname=server_hostname)
        return self

    # -- login

    def login(self, user, database, password=None, protocol=PROTOCOL_3_0, **params):
        self.send(startup({"user": user, "database": database, **params}, protocol))
        return self.finish_login(user, password)

    def finish_login(self, user, password):
        scram = None
        while True:
            m = self.receive()
            if m.kind == "E":
                raise ServerError(m.fields)
            if m.kind == "R":
                (kind,) = struct.unpack_from("!I", m.body)
                if kind == 0:
                    continue
                if kind == 3:
                    self.send(message("p", cstr(password)))
                elif kind == 5:
                    inner = hashlib.md5((password + user).encode()).hexdigest()
                    self.send(message("p", cstr("md5" + hashlib.md5(inner.encode() + m.body[4:8]).hexdigest())))
                elif kind == 10:
                    assert b"SCRAM-SHA-256\0" in m.body
                    scram = ScramClient(password)
                    first = scram.first()
                    self.send(message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
                elif kind == 11:
                    self.send(message("p", scram.final(m.body[4:])))
                elif kind == 12:
                    scram.verify(m.body[4:])
                else:
                    raise AssertionError(f"unexpected authentication request {kind}")
            elif m.kind == "S":
                name, value = m.body[:-1].split(b"\0", 1)
                self.parameters[name.decode()] = value.decode()
            elif m.kind == "K":
                (self.pid,) = struct.unpack_from("!I", m.body)
                self.secret = m.body[4:]
            elif m.kind == "v":
                self.negotiated = m.body
            elif m.kind == "Z":
                return self

    # -- comfort

    def run(self, sql):
        """A simple query; its rows as lists of str or None; raises on an error (after ReadyForQuery)."""
        self.send(query(sql))
        replies = self.until_ready()
        for m in replies:
            if m.kind == "E":
                raise ServerError(m.fields)
        return [[None if v is None else v.decode() for v in m.values] for m in replies if m.kind == "D"]

    def value(self, sql):
        return self.run(sql)[0][0]

    def script(self, *messages, ready=1):
        """Send these and give the transcript up to the n-th ReadyForQuery."""
        self.send(*messages)
        return transcript(self.until_ready(ready))


class ScramClient:
    """RFC 5802 / 7677, no channel binding."""

    def __init__(self, password):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n=,r={self.nonce}"

    def first(self):
        return ("n,," + self.bare).encode()

    def final(self, server_first):
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        assert fields["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        without_proof = f"c=biws,r={fields['r']}"
        auth = f"{self.bare},{server_first.decode()},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), auth, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), auth, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final):
        assert server_final == b"v=" + base64.b64encode(self.expected), "forged server signature"


def send_cancel(host, port, pid, secret, timeout=20.0):
    """Send a CancelRequest and wait until the other side closes."""
    with Wire(host, port, timeout) as w:
        w.send(cancel_request(pid, secret))
        return w.until_closed()
