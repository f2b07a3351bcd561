#!/usr/bin/python3
"""Both owners in one script: a vendor pushes a model and grants it, a clinic asks it, and keeps proof.

    predict.py --state DIR --folder DIR

--state is the folder of a mesh that runs (tacit-operator up); both identities are made in --folder.
In life they are two people on two machines, and all that they exchange is two ids.
"""

import argparse
import asyncio
import csv
import os

import tacit

EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "breast-cancer")


async def vendor(state: str, folder: str, user: bytes) -> tacit.Reference:
    """Pushes the model, encrypted under a key made here, and lets the clinic use it for a day."""
    identity = tacit.Identity.open(os.path.join(folder, "vendor"))
    async with await tacit.Mesh.open(state, identity=identity) as mesh:
        async with tacit.MLOwner(mesh) as owner:
            await owner.enrol()
            version = await owner.push("breast-cancer", os.path.join(EXAMPLE, "model.onnx"))
            await owner.grant("breast-cancer", user, seconds=24 * 3600)
    return tacit.Reference(identity.public, "breast-cancer", version)


async def clinic(state: str, folder: str, identity: tacit.Identity, model_of: tacit.Reference) -> None:
    """Asks it, batch by batch: what leaves this process is sealed for attested workers."""
    with open(os.path.join(EXAMPLE, "inputs.csv"), encoding="utf-8") as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    async with await tacit.Mesh.open(state, identity=identity) as mesh:
        print(f"attestation service {mesh.service.measurement.hex()[:16]}, {mesh.service.root_name}")
        async with await tacit.DataOwner(mesh).model(model_of) as model:
            batches = [tacit.Tensor.floats(rows[at:at + 64]) for at in range(0, len(rows), 64)]
            answers = await asyncio.gather(*(model.infer(one) for one in batches))
    print(f"{sum(len(one.outputs[0].tolist()) for one in answers)} rows answered")
    for answer in answers:
        path = answer.save_receipt(os.path.join(folder, "receipts"))
        said, worker = tacit.receipt.verify(
            tacit.Trust.load(os.path.join(state, "trust.json")), path
        )
        print(f"receipt of {said.model}@{said.version} by code {worker.measurement.hex()[:16]}: {path}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", required=True)
    parser.add_argument("--folder", required=True)
    options = parser.parse_args()
    user = tacit.Identity.open(os.path.join(options.folder, "clinic"))
    async with await tacit.Mesh.open(options.state, identity=user) as mesh:
        await tacit.DataOwner(mesh).enrol()
    model = await vendor(options.state, options.folder, user.public)
    await clinic(options.state, options.folder, user, model)


asyncio.run(main())
