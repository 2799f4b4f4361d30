"""AWS CLI 2 accepts the commands of the pages, as version 1 does, which the other tests use.

It is not on PyPI: Debian 13 has it (``apt-get install awscli``). Without it on the ``PATH``, in
front of which is version 1, the test is skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.docs.pages import shown
from tests.docs.test_commands import PAGES

NEWER = "--disable-session-tags"
"""An option that AWS CLI 2.23.6, of Debian 13, does not have yet."""


class Refusing(BaseHTTPRequestHandler):
    """Records each request, and answers it with an error."""

    requests: list[str]

    def do_POST(self) -> None:
        self.requests.append(self.path)
        self.send_response(403)
        self.end_headers()

    do_GET = do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def version_2() -> str | None:
    """Return the path of AWS CLI 2, if it is installed."""
    here = str(Path(sys.executable).parent)
    path = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep) if folder != here
    )
    aws = shutil.which("aws", path=path)
    if aws is None:
        return None
    ended = subprocess.run([aws, "--version"], capture_output=True, text=True, check=False)
    return aws if ended.stdout.startswith("aws-cli/2") else None


@pytest.fixture
def requests() -> Iterator[tuple[str, list[str]]]:
    received: list[str] = []
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Recording", (Refusing,), {"requests": received})
    )
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_version_2_sends_each_command_of_the_pages(
    requests: tuple[str, list[str]], tmp_path: Path
) -> None:
    aws = version_2()
    if aws is None:
        pytest.skip("AWS CLI 2 is not installed")
    endpoint, received = requests
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_PAGER": "",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }

    def is_sent(arguments: tuple[str, ...]) -> bool:
        received.clear()
        for word in arguments:
            if word.startswith("file://"):
                file = tmp_path / word.removeprefix("file://")
                file.parent.mkdir(exist_ok=True)
                file.write_text("{}")
        subprocess.run(
            [aws, *arguments], env=environment, cwd=tmp_path, capture_output=True, check=False
        )
        return bool(received)

    commands = {tuple(words) for page in PAGES for words in shown(page.read_text("utf-8"), "aws")}
    assert len(commands) > 60
    assert [words for words in sorted(commands) if NEWER not in words and not is_sent(words)] == []
    assert not is_sent(("iam", "get-role", "--rolename", "PumpReadOnlyRole"))
