"""A container of somebody's own in Azurite, and SAS URIs of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timezone

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.blob.aio import ContainerClient

from storage.options import AccountKey, StorageOptions

FAR = datetime(2099, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class OwnContainer:
    """A container beside the service's own."""

    options: StorageOptions
    name: str

    @property
    def url(self) -> str:
        return f"{self.options.blob_endpoint}/{self.name}"

    def sas(self, permission: str = "cw", expiry: datetime = FAR) -> str:
        """A URI that lets do with it what ``permission`` says."""
        account, key = self._account
        query = generate_container_sas(
            account,
            self.name,
            account_key=key,
            permission=ContainerSasPermissions.from_string(permission),
            expiry=expiry,
        )
        return f"{self.url}?{query}"

    async def make(self) -> None:
        async with self._client() as client:
            await client.create_container()

    async def remove(self) -> None:
        async with self._client() as client:
            await client.delete_container()

    async def files(self) -> dict[str, bytes]:
        """All that can be seen in it."""
        async with self._client() as client:
            names = [blob.name async for blob in client.list_blobs()]
            return {name: await (await client.download_blob(name)).readall() for name in names}

    @property
    def _account(self) -> tuple[str, str]:
        credential = self.options.credential
        assert isinstance(credential, AccountKey)
        return credential.account, base64.b64encode(credential.key).decode()

    def _client(self) -> ContainerClient:
        account, key = self._account
        return ContainerClient(
            self.options.blob_endpoint, self.name, AzureNamedKeyCredential(account, key)
        )
