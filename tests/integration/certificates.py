"""Certificates for tests, made by openssl: authorities, servers and clients of all kinds, revoked ones too."""

import subprocess
from pathlib import Path

KINDS = {
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"],
    "rsa": ["-newkey", "rsa:2048"],
    "ed25519": ["-newkey", "ed25519"],
}


def openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"openssl {arguments}: {done.stderr[-2000:]}")
    return done.stdout


class Pair:
    """A certificate and its key, as paths."""

    def __init__(self, folder, name):
        self.cert, self.key = str(folder / f"{name}.crt"), str(folder / f"{name}.key")


class Authority(Pair):
    def __init__(self, folder, name="ca", kind="ec"):
        super().__init__(Path(folder), name)
        self.folder, self.name, self.serial = Path(folder), name, 0
        openssl("req", "-x509", *KINDS[kind], "-nodes", "-keyout", self.key, "-out", self.cert, "-days", 3650, "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=folder)

    def issue(self, name, cn=None, san=None, kind="ec", days=3650, digest="sha256"):
        """san: "DNS:localhost,IP:127.0.0.1"."""
        made = Pair(self.folder, name)
        request, more = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        openssl("req", *KINDS[kind], "-nodes", "-keyout", made.key, "-out", request, "-subj", f"/CN={cn or name}", cwd=self.folder)
        more.write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
        self.serial += 1
        hash_of = [] if kind == "ed25519" and self.name.startswith("ed") else [f"-{digest}"]
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-set_serial", self.serial, "-days", days,
                "-out", made.cert, "-extfile", more, *hash_of, cwd=self.folder)
        return made

    def revoke(self, *pairs):
        """A list of revoked certificates, as a path."""
        database = self.folder / f"{self.name}.db"
        database.touch()
        settings = self.folder / f"{self.name}.cnf"
        settings.write_text(
            "[ca]\ndefault_ca=it\n[it]\n"
            f"database={database}\ncertificate={self.cert}\nprivate_key={self.key}\ndefault_md=sha256\ndefault_crl_days=365\n")
        for pair in pairs:
            openssl("ca", "-config", settings, "-revoke", pair.cert, cwd=self.folder)
        out = self.folder / f"{self.name}.crl"
        openssl("ca", "-config", settings, "-gencrl", "-out", out, cwd=self.folder)
        return str(out)
