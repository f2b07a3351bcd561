"""tacit-rpc against a real mesh: contracts from the services, calls with JSON, bench, refusals."""

import json
import os
import unittest

from mesh import EXAMPLES, MeshCase

MODEL = os.path.join(EXAMPLES, "breast-cancer", "model.onnx")


class RpcTool(MeshCase):
    def rpc(self, *arguments, **options):
        return self.mesh.client("tacit-rpc", *arguments, **options)

    def test_describe_is_the_contract(self):
        idl = os.path.join(os.path.dirname(__file__), "..", "..", "idl")
        for service in ("attestation", "inference", "keys", "mesh", "models"):
            with self.subTest(service):
                with open(os.path.join(idl, f"{service}.idl"), encoding="utf-8") as file:
                    self.assertEqual(self.rpc("describe", service, check=True).out, file.read())

    def test_describe_as_data(self):
        told = self.rpc("describe", "keys", "--json", check=True).json
        methods = {method["name"]: method for method in told["methods"]}
        self.assertEqual(methods["release"]["caller"], "enclave")
        self.assertIn({"number": 3, "name": "name", "kind": "string", "optional": False, "min": 1,
                       "max": 64}, methods["release"]["arguments"])
        self.assertTrue(methods["list"]["idempotent"])
        self.assertFalse(methods["grant"]["idempotent"])
        self.assertNotIn("stream_in", methods["list"])
        self.assertIn("grant_info", told["structs"])
        self.assertEqual(told["enums"]["grant_state"]["revoked"], 2)

    def test_describe_one_method(self):
        told = self.rpc("describe", "keys.remove_model_key", check=True).out
        self.assertEqual([line.split()[0] for line in told.splitlines()], ["##", "method", "caller"])
        self.assertEqual(self.rpc("describe", "keys.list", "--json", check=True).json["name"], "list")
        for options in ((), ("--json",)):
            self.assertEqual(self.rpc("describe", "keys.remove", *options).code, 10)
        self.assert_exit(2, "usage", self.rpc("describe", "keys.", "--json"))

    def test_calls_as_the_operator(self):
        status = self.rpc("call", "mesh.status", check=True).json
        self.assertIn("keys", {process["name"] for process in status["processes"]})
        audit = self.rpc("call", "keys.audit", '{"from": 0, "limit": 4}', check=True).json
        self.assertLessEqual(len(audit["entries"]), 4)

    def test_what_every_service_has(self):
        for service in ("attestation", "inference", "keys", "mesh", "models"):
            with self.subTest(service):
                self.assertEqual(self.rpc("call", f"{service}.health", check=True).json,
                                 {"status": "ready"})
        text = self.rpc("call", "keys.metrics", check=True).json["text"]
        self.assertIn('tacit_rpc_calls_total{method="keys.health"}', text)
        self.assertTrue(text.endswith("# EOF\n"))
        told = self.rpc("call", "keys.describe", check=True).json
        self.assertTrue(told["text"].startswith("# keys.idl"))
        user = self.mesh.identity("nobody")
        self.mesh.client("tacit-dataowner", "init", *user, check=True)
        self.assert_exit(19, "caller_refused", self.rpc("call", "keys.metrics", "--json", *user))

    def test_calls_as_a_user(self):
        user = self.mesh.identity("caller")
        self.mesh.client("tacit-dataowner", "init", *user, check=True)
        listed = self.rpc("call", "keys.list", '{"offset": 0}', *user, check=True).json
        self.assertEqual(listed, {"models": [], "grants": [], "more": False})
        self.assert_exit(19, "caller_refused", self.rpc("call", "keys.audit", "--json",
                                                        '{"from": 0, "limit": 4}', *user))

    def test_arguments_from_a_file(self):
        path = os.path.join(self.mesh.folder, "args.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"from": 0, "limit": 1}')
        self.rpc("call", "keys.audit", f"@{path}", check=True)
        self.assert_exit(3, "bad_input", self.rpc("call", "keys.audit", f"@{path}x", "--json"))

    def test_bench_prints_rate_and_percentiles(self):
        told = self.rpc("bench", "mesh.status", "-n", 200, "-c", 8, "--json", check=True).json
        self.assertEqual((told["calls"], told["outstanding"], told["failed"]), (200, 8, 0))
        self.assertGreater(told["calls_per_second"], 0)
        self.assertLessEqual(told["p50_us"], told["p99_us"])
        self.assertLessEqual(told["p99_us"], told["max_us"])

    def test_a_call_with_a_key_runs_once(self):
        owner = self.mesh.identity("maker")
        self.mesh.client("tacit-mlowner", "init", *owner, check=True)
        self.mesh.client("tacit-mlowner", "push", MODEL, "--name", "k", *owner, check=True)
        grant = {"name": "k", "user": "00" * 32, "measurement": "00" * 32, "expires_ms": 0, "uses": 0}

        def call(key, options=(), **changed):
            return self.rpc("call", "keys.grant", json.dumps({**grant, **changed}), *key, *options, *owner)

        first = call(("--key", "0123456789abcdef")).json
        self.assertEqual(call(("-K", "01234567-89AB-cdef")).json, first)
        self.assertNotEqual(call(("--key", "00")).json, first)
        self.assertNotEqual(call(("--key", "ff" * 32)).json, first)
        self.assertNotEqual(call(()).json, call(()).json)
        self.assert_exit(18, "key_reused", call(("--key", "00"), ("--json",), uses=1))
        for key in ("", "0", "xy", "ff" * 33):
            with self.subTest(key):
                self.assert_exit(2, "usage", call(("--key", key), ("--json",)))
        self.assert_exit(3, "bad_input", self.rpc("call", "keys.list", '{"offset": 0}', "--key", "00", "--json"))

    def test_refusals(self):
        for code, name, arguments in (
            (10, "not_found", ("call", "keys.nothing")),
            (2, "usage", ("call", "keys")),
            (2, "usage", ("bench", "mesh.status", "-c", "65")),
            (2, "usage", ("bench", "mesh.status", "-n", "1", "-d", "1")),
            (2, "usage", ("bench", "mesh.status", "-s", "1")),
            (3, "bad_input", ("call", "mesh.status", "--in", "/dev/null")),
            (2, "usage", ("call", "echo.say", "--endpoint", "tcp://127.0.0.1:1")),
            (3, "bad_input", ("call", "echo.say")),
            (3, "bad_input", ("call", "keys.audit", "{")),
            (3, "bad_input", ("call", "keys.audit", '{"from": 0}')),
            (3, "bad_input", ("call", "keys.audit", '{"from": 0, "limit": 1, "x": 1}')),
        ):
            with self.subTest(arguments):
                self.assert_exit(code, name, self.rpc(*arguments, "--json"))


if __name__ == "__main__":
    unittest.main()
