/** The small networks that look at people (the face detector too), and the graph that lays them over their backdrop. */
import { SIDE as FACE_SIDE } from "../faces";
import { Graph, type Runtime } from "../graphs";
import type { Lookers } from "./anatomy";
import { SIDE as EYE_SIDE } from "./eyes";
import { SIDE as PERSON_SIDE, type PersonNetwork } from "./matte";
import { SIDE as MESH_SIDE } from "./mesh";
import { SIDE as COMPARED_SIDE, type Registration } from "./residual";
import { SIDE as MOUTH_SIDE } from "./teeth";

export const NETWORKS = ["face", "eye", "face_mesh", "mouth", "person", "layers", "registration"] as const;
export type NetworkName = (typeof NETWORKS)[number];

export interface Networks extends Lookers {
  person: PersonNetwork;
  layers: Graph;
  registration: Registration;
}

/** Open the `files`; all so small that a GPU would only be in their way. */
export async function openNetworks(runtime: Runtime, files: Record<NetworkName, Uint8Array>): Promise<Networks> {
  const [face, eye, mesh, mouth, person, layers, registration] = await Promise.all(
    NETWORKS.map((name) => Graph.open({ ...runtime, backend: "wasm" }, files[name])),
  );
  return {
    face: async (views, count) => {
      const found = await face.run({ frame: face.bytes(views, [count, FACE_SIDE, FACE_SIDE, 3]) });
      const [boxes, landmarks, scores] = ["boxes", "landmarks", "scores"].map((name) => found[name].data as Float32Array);
      return { boxes, landmarks, scores };
    },
    eye: async (views, count) => {
      const { contour, iris } = await eye.run({ frame: eye.bytes(views, [count, EYE_SIDE, EYE_SIDE, 3]) });
      return { contour: contour.data as Float32Array, iris: iris.data as Float32Array };
    },
    mesh: async (view) => {
      const { points, head, scores } = await mesh.run({ frame: mesh.bytes(view, [1, MESH_SIDE, MESH_SIDE, 3]) });
      const [seen, told] = [points, head].map(({ data }) => data as Float32Array);
      return { points: seen, head: told, score: (scores.data as Float32Array)[0] };
    },
    mouth: async (seen, own) => {
      const found = await mouth.run({
        mouth: mouth.floats(seen, [1, 3, MOUTH_SIDE, MOUTH_SIDE]),
        own: mouth.floats(own, [1, 1, MOUTH_SIDE, MOUTH_SIDE]),
      });
      return found.layer.data as Float32Array;
    },
    person: async (views, count) => {
      const found = await person.run({ frame: person.bytes(views, [count, PERSON_SIDE, PERSON_SIDE, 3]) });
      return found.person.data as Float32Array;
    },
    layers,
    registration: async ({ seen, told, alpha, look, weight, face: onFace }) => {
      const [large, small] = [seen, told].map(({ length }) => Math.sqrt(length / 3));
      const { residual, light } = await registration.run({
        seen: registration.bytes(seen, [1, large, large, 3]),
        told: registration.bytes(told, [1, small, small, 3]),
        alpha: registration.floats(alpha, [1, 1, small, small]),
        look: registration.floats(look, [1, COMPARED_SIDE, COMPARED_SIDE, 2]),
        weight: registration.floats(weight, [1, 1, COMPARED_SIDE, COMPARED_SIDE]),
        face: registration.floats(onFace, [1, 1, COMPARED_SIDE, COMPARED_SIDE]),
      });
      return { residual: residual.data as Float32Array, light: light.data as Float32Array };
    },
  };
}
