"""The laptop's credentials work with Google's clients as they are, and lead nowhere but to the laptop."""

import socket
import threading

from google.cloud import bigquery, secretmanager, storage

from localcloud.gcp.laptop_cloud import LaptopCloud
from tests.localcloud.conftest import point_clients_at


def test_no_client_looks_up_another_host(tmp_path, monkeypatch):
    looked_up = set()
    resolve = socket.getaddrinfo

    def watch(host, *arguments, **named):
        looked_up.add(host)
        return resolve(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", watch)
    with LaptopCloud(tmp_path) as cloud:
        point_clients_at(cloud, monkeypatch)
        assert [row.one for row in bigquery.Client().query_and_wait("SELECT 1 AS one")] == [1]
        storage.Client().bucket(cloud.environment["LANDING_BUCKET"]).blob("a").upload_from_string("b")
        options = {"api_endpoint": cloud.environment["SECRETMANAGER_EMULATOR_HOST"]}
        secrets = secretmanager.SecretManagerServiceClient(transport="rest", client_options=options)
        assert list(secrets.list_secrets(parent="projects/heavy-rotation-laptop")) == []
        for thread in threading.enumerate():  # google-auth asks some things in the background
            if "Access" in type(thread).__name__:
                thread.join(10)
    assert looked_up == {"127.0.0.1"}
