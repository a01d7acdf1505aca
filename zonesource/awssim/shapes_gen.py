#!/usr/bin/env python3
"""Writes shapes.json from the botocore models installed beside the AWS CLI.

Run it as: python3 shapes_gen.py > shapes.json

shapes.json holds, for the few operations of EC2, ELB and Auto Scaling the simulator answers,
how each member of the output is called on the wire. A structure is
{"m": {"JSONName": ["wireName", "shape"]}}, a list is {"i": "itemName", "l": "shape"},
and a scalar is one of the words string, boolean, integer, double, timestamp.
"""
import gzip
import json
import os

import botocore

SERVICES = {
    "ec2": ("2016-11-15", [
        "DescribeInstances", "DescribeNetworkInterfaces", "DescribeAddresses", "DescribeVpcs",
        "DescribeSubnets", "DescribeVpcPeeringConnections", "DescribeRegions", "DescribeInstanceStatus",
    ]),
    "elbv2": ("2015-12-01", ["DescribeLoadBalancers", "DescribeTargetGroups", "DescribeTargetHealth",
                             "DescribeLoadBalancerAttributes"]),
    "elb": ("2012-06-01", ["DescribeLoadBalancers", "DescribeInstanceHealth"]),
    "autoscaling": ("2011-01-01", ["DescribeAutoScalingInstances"]),
}
SCALARS = {"string": "string", "boolean": "boolean", "integer": "integer", "long": "integer",
           "double": "double", "float": "double", "timestamp": "timestamp"}


def extract(service, version, operations):
    path = os.path.join(os.path.dirname(botocore.__file__), "data", service, version, "service-2.json.gz")
    with gzip.open(path) as f:
        model = json.load(f)
    shapes = {}

    def name(ref):
        shape = model["shapes"][ref]
        if shape["type"] in SCALARS:
            return SCALARS[shape["type"]]
        if ref not in shapes:
            shapes[ref] = None
            if shape["type"] == "structure":
                shapes[ref] = {"m": {m: [s.get("locationName", m), name(s["shape"])]
                                     for m, s in sorted(shape["members"].items())}}
            elif shape["type"] == "list" and not shape.get("flattened"):
                member = shape["member"]
                shapes[ref] = {"i": member.get("locationName", "member"), "l": name(member["shape"])}
            else:
                raise SystemExit(f"{service}: {ref}: no rule for a {shape['type']}")
        return ref

    outputs = {op: name(model["operations"][op]["output"]["shape"]) for op in operations}
    return {"version": version, "outputs": outputs, "shapes": dict(sorted(shapes.items()))}


def main():
    out = {s: extract(s, v, ops) for s, (v, ops) in SERVICES.items()}
    # One shape a line, so that an update reads well as a difference.
    print("{")
    for i, (service, data) in enumerate(out.items()):
        print(f' "{service}": {{"version": "{data["version"]}", "outputs": {json.dumps(data["outputs"])}, "shapes": {{')
        lines = [f'  {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in data["shapes"].items()]
        print(",\n".join(lines))
        print(" }}" + ("," if i < len(out) - 1 else ""))
    print("}")


main()
