"""What the mesh tells of itself: traces through every hop, metrics for the operator, and that
neither holds what is not for them."""

import json
import os
import re
import unittest

import wire
from mesh import EXAMPLES, MeshCase, await_condition
from main_job_test import Person

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SAMPLE = re.compile(r'^([a-z_]+)\{service="([a-z]+)"(?:,([^{}]*))?\} ([0-9.]+)$')
LABELS = {"method": r"[a-z_]+(\.[a-z_]+)?", "code": r"\d+", "error": r"[a-z_]+",
          "le": r"[0-9.]+|\+Inf"}


class Observe(MeshCase):
    log_level = "debug"

    @classmethod
    def prepare(cls):
        cls.owner = Person(cls.mesh, "tacit-mlowner", "vendor")
        cls.user = Person(cls.mesh, "tacit-dataowner", "clinic")
        model = os.path.join(EXAMPLES, "breast-cancer", "model.onnx")
        cls.owner("push", model, "--name", "canary-model", check=True)
        cls.owner("grant", "canary-model", "--user", cls.user.id, check=True)
        cls.outcome = cls.user("infer", f"{cls.owner.id}/canary-model",
                               os.path.join(EXAMPLES, "breast-cancer", "inputs.csv"),
                               env={"TRACEPARENT": TRACEPARENT}, check=True)

    def lines(self, name):
        return [json.loads(line) for line in self.mesh.log(name).splitlines()
                if line.startswith("{")]

    def calls(self, name):
        return {line["method"] for line in self.lines(name)
                if line["event"] == "call" and line.get("trace") == TRACE}

    def metrics(self, *arguments):
        return self.mesh.operator("metrics", *arguments, check=True).out

    def samples(self, *arguments):
        found = {}
        for line in self.metrics(*arguments).splitlines():
            if not line.startswith("#"):
                match = SAMPLE.match(line)
                self.assertTrue(match, line)
                labels = dict(re.findall(r'([a-z]+)="([^"]*)"', match[3] or ""))
                found[match[1], match[2], labels.get("method"), labels.get("error"),
                      labels.get("le")] = float(match[4])
                for label, value in labels.items():
                    self.assertRegex(value, f"^({LABELS[label]})$")
        return found

    def test_one_trace_through_every_hop(self):
        await_condition(lambda: "inference.complete" in self.calls("gateway"), "the job is logged")
        self.assertLessEqual({"inference.infer", "inference.complete"}, self.calls("gateway"))
        self.assertIn("keys.release", self.calls("keys"))
        self.assertLessEqual({"models.get", "models.get_chunk"}, self.calls("models"))
        worker = [line for line in self.lines("worker-1") if line.get("trace") == TRACE]
        self.assertEqual({line["event"] for line in worker}, {"job_done"})

    def test_each_call_is_a_span_of_its_own(self):
        spans = [line["span"] for name in ("gateway", "keys", "models") for line in self.lines(name)
                 if line["event"] == "call" and line.get("trace") == TRACE]
        self.assertEqual(len(spans), len(set(spans)))

    def test_lines_hold_nothing_of_the_callers(self):
        for name in ("gateway", "keys", "models", "worker-1"):
            for line in self.lines(name):
                if line["event"] == "call":
                    self.assertLessEqual(set(line), {"time", "level", "program", "event", "trace",
                                                     "span", "method", "outcome", "us", "bytes_in",
                                                     "bytes_out"})

    def test_metrics_count_the_job(self):
        samples = self.samples()
        self.assertGreaterEqual(samples["tacit_rpc_calls_total", "inference", "inference.infer",
                                        None, None], 1)
        self.assertGreaterEqual(samples["tacit_rpc_calls_total", "keys", "keys.release", None,
                                        None], 1)
        self.assertEqual({key[1] for key in samples},
                         {"attestation", "inference", "keys", "mesh", "models"})
        self.assertGreaterEqual(samples["tacit_rpc_connections_opened_total", "keys", None, None,
                                        None], 1)

    def test_large_bulks_go_by_lanes(self):
        before = self.samples("models")["tacit_rpc_lane_bulks_in_total", "models", None, None, None]
        self.owner("push", os.path.join(EXAMPLES, "digits", "model.onnx"), "--name", "digits",
                   check=True)
        after = self.samples("models")["tacit_rpc_lane_bulks_in_total", "models", None, None, None]
        self.assertEqual(after - before, 1)
        gateway = self.samples("inference")
        self.assertGreaterEqual(gateway["tacit_rpc_lanes", "inference", None, None, None], 1)

    def test_metrics_are_whole(self):
        text = self.metrics()
        self.assertTrue(text.endswith("# EOF\n"))
        types = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
        self.assertEqual(len(types), len(set(types)))
        for family, service, method, _, bound in self.samples():
            if family.endswith("_bucket") and bound == "+Inf":
                samples = self.samples(service)
                count = samples[family[:-7] + "_count", service, method, None, None]
                self.assertEqual(samples[family, service, method, None, "+Inf"], count)
                break

    def test_the_introduction_endpoint_is_told_of(self):
        """It is plaintext: nobody there can be the operator."""
        text = self.metrics("attestation")
        line = next(one for one in text.splitlines()
                    if one.startswith("tacit_rpc_calls_total{")
                    and 'method="introduction.introduce"' in one)
        self.assertGreater(int(line.split()[-1]), 5)

    def test_metrics_name_no_one_and_nothing(self):
        text = self.metrics()
        for secret in (self.user.id, self.owner.id, "canary-model"):
            self.assertNotIn(secret, text)

    def test_one_service_and_json(self):
        self.assertEqual({key[1] for key in self.samples("keys")}, {"keys"})
        outcome = self.mesh.operator("metrics", "keys", "--json", check=True)
        names = {sample["name"] for sample in outcome.json["samples"]}
        self.assertIn("tacit_rpc_duration_seconds_bucket", names)
        self.assert_exit(2, "usage", self.mesh.operator("metrics", "keys", "models", "--json"))

    def test_nobody_else_reads_them(self):
        user = self.mesh.user()
        for service, role in (("keys", wire.KEYS), ("models", wire.MODELS),
                              ("inference", wire.GATEWAY)):
            with self.subTest(service):
                self.assert_refused("caller_refused", user.to(role), f"{service}.metrics", {})

    def test_a_traceparent_that_is_none_is_refused(self):
        connection = self.mesh.user().to(wire.KEYS)
        connection("keys.health", {}, meta={2: TRACEPARENT})
        for text in (TRACEPARENT.upper(), TRACEPARENT[:-1], "01" + TRACEPARENT[2:]):
            with self.subTest(text):
                self.assert_refused("bad_input", connection, "keys.health", {}, meta={2: text})


if __name__ == "__main__":
    unittest.main()
