"""Signed results: the library of C2PA's makers finds the signature, and sees when somebody changes the file."""

import datetime
import json
from pathlib import Path

import pytest
from clips import lengths, moving, spot
from PIL import Image

pytest.importorskip("c2pa", reason="c2pa-python is not installed (the extra sign)")

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from checkpoints.errors import InputError, OptionError, OutputError
from runtime import Engine, animate
from runtime.cli import main
from runtime.media.provenance import DIGITAL_SOURCE_TYPE
from runtime.media.signing import Signature


def pem(key) -> bytes:
    form = serialization
    old = form.PrivateFormat.TraditionalOpenSSL  # as "openssl ecparam -genkey" still writes them
    kind = form.PrivateFormat.PKCS8 if isinstance(key, ed25519.Ed25519PrivateKey) else old
    return key.private_bytes(form.Encoding.PEM, kind, form.NoEncryption())


def named(name: str) -> x509.Name:
    parts = {NameOID.ORGANIZATION_NAME: "Bunraku tests", NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])


def certificate(name: str, key, issuer: str, issuer_key, *, authority: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def identity(path: Path, key) -> Path:
    """A PEM file of `key`, its certificate and that of the authority."""
    root = ec.generate_private_key(ec.SECP256R1())
    chain = [
        certificate("Somebody", key, "Authority", root, authority=False),
        certificate("Authority", root, "Authority", root, authority=True),
    ]
    path.write_bytes(pem(key) + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain))
    return path


KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Path:
    return identity(tmp_path_factory.mktemp("keys") / "key.pem", KEYS["p256"]())


@pytest.fixture(scope="module")
def engine(toy) -> Engine:
    return Engine(toy, device="cpu", threads=1)


def read(path: Path, kind: str) -> tuple[dict, set[str]]:
    """The active manifest, and the codes of what is wrong with it."""
    with path.open("rb") as file, c2pa.Reader(kind, file) as reader:
        found = json.loads(reader.json())
    failures = {each["code"] for each in found["validation_results"]["activeManifest"]["failure"]}
    return found["manifests"][found["active_manifest"]], failures


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.mp4", "video/mp4"), ("a.mov", "video/quicktime"), ("a.gif", "image/gif"), ("a.webp", "image/webp")],
)
def test_a_signed_result_says_what_it_is(engine, key, tmp_path, name, kind):
    driving = moving(tmp_path / "b.mp4", 6, sound=0.24)
    result = animate(spot(20, 40), driving, model=engine, output=tmp_path / name, sign=key, progress=False)
    manifest, failures = read(result.path, kind)
    assert failures <= {"signingCredential.untrusted"}  # nobody knows the authority of a test
    actions = next(each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions"))
    assert actions["data"]["actions"][0]["digitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, "b.mp4"])
    if name != "a.webp":
        assert lengths(result.path)[0] == 6
    else:
        with Image.open(result.path) as image:
            assert image.n_frames == 6


def test_a_change_is_seen(engine, key, tmp_path):
    result = animate(
        spot(20, 40), [spot(20, 30)] * 3, model=engine, output=tmp_path / "a.mp4", sign=key, progress=False
    )
    data = bytearray(result.path.read_bytes())
    at = data.index(b"mdat") + 100
    data[at] ^= 1
    result.path.write_bytes(bytes(data))
    assert any("mismatch" in code for code in read(result.path, "video/mp4")[1])


@pytest.mark.parametrize("kind", KEYS)
def test_every_usual_kind_of_key(engine, tmp_path, kind):
    pem_file = identity(tmp_path / "key.pem", KEYS[kind]())
    animate(spot(20, 40), [spot(20, 30)], model=engine, output=tmp_path / "a.mp4", sign=pem_file, progress=False)
    assert read(tmp_path / "a.mp4", "video/mp4")[1] <= {"signingCredential.untrusted"}


def test_what_cannot_sign_is_refused_before_the_work(toy, key, in_tmp, capsys):
    Image.fromarray(spot(20, 40)).save("a.png")
    moving(in_tmp / "b.mp4", 4)
    (in_tmp / "text.pem").write_text("hello")
    whole = key.read_text()
    (in_tmp / "half.pem").write_text(whole[: whole.index("-----BEGIN CERT")])
    (in_tmp / "other.pem").write_text(pem(KEYS["p256"]()).decode() + whole[whole.index("-----BEGIN CERT") :])
    before = sorted(file.name for file in in_tmp.iterdir())
    for pem_file, output, words in [
        ("text.pem", "out.mp4", "one private key"),
        ("half.pem", "out.mp4", "one private key"),
        ("absent.pem", "out.mp4", "does not exist"),
        (str(key), "out.mkv", "cannot be signed"),
        (str(key), "frames/", "cannot be signed"),
    ]:
        assert (
            main(["animate", "a.png", "b.mp4", "-o", output, "--model", str(toy), "--no-progress", "--sign", pem_file])
            == 2
        )
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1
    assert sorted(file.name for file in in_tmp.iterdir()) == before


def test_without_a_file_there_is_nothing_to_sign(engine, key):
    with pytest.raises(OptionError, match="output"):
        animate(spot(20, 40), [spot(20, 30)], model=engine, sign=key, progress=False)


def test_a_failed_signature_leaves_no_result(key, tmp_path):
    signature = Signature(key, tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(OutputError, match="cannot be signed"):
        signature(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"no video at all"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError):
        Signature(tmp_path, tmp_path / "a.mp4")
