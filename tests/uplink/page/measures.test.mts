import assert from "node:assert/strict";
import { test } from "node:test";
import { measuresIn } from "../../../uplink/station/ui/src/measures.ts";

const metric = measuresIn("metric");
const imperial = measuresIn("imperial");

function ellipse(semi_major_m: number): { semi_major_m: number; semi_minor_m: number; orientation_deg: number; confidence: number } {
  return { semi_major_m, semi_minor_m: 1, orientation_deg: 0, confidence: 0.9 };
}

test("an error is never rounded down", () => {
  const lengths = [3.21, 9.99, 11.01, 1234].map(ellipse);
  assert.deepEqual(lengths.map(metric.plusMinus), ["± 3.3 m", "± 10.0 m", "± 12 m", "± 1.3 km"]);
  assert.deepEqual(lengths.map(imperial.plusMinus), ["± 11 ft", "± 33 ft", "± 37 ft", "± 4049 ft"]);
});

test("an area shows no more digits than its error bears", () => {
  assert.equal(metric.area(123.4, 41.2), "123 ± 42 m²");
  assert.equal(metric.area(12345, 678), "12350 ± 680 m²");
  assert.equal(metric.area(-3.4, 0.6), "-3 ± 1 m²");
  assert.equal(metric.area(12.6, null), "13 m²");
  assert.equal(imperial.area(100, null), "1076 ft²");
});

test("heights, distances and speeds name their unit, and an unknown one is a dash", () => {
  assert.deepEqual([metric.height(71.6), imperial.height(71.6)], ["72 m", "235 ft"]);
  assert.deepEqual([metric.distance(2310), imperial.distance(2310), imperial.distance(300)], ["2.31 km", "1.44 mi", "984 ft"]);
  assert.deepEqual([metric.speed(10), imperial.speed(10)], ["10.0 m/s", "22.4 mph"]);
  assert.deepEqual([metric.height(null), metric.distance(null), metric.speed(null)], ["–", "–", "–"]);
});
