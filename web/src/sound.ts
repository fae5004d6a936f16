/** The driving video's sound, kept as it is where the result's kind of file can hold it, else encoded anew. */
import {
  AudioSampleSink,
  AudioSampleSource,
  EncodedAudioPacketSource,
  EncodedPacketSink,
  getFirstEncodableAudioCodec,
  type Input,
  type InputAudioTrack,
  type Output,
} from "mediabunny";

/** Sound that can be added to an output which has not started: returns what then writes it. */
export interface Sound {
  addTo(output: Output): Promise<() => Promise<void>>;
}

const BITRATE = 128_000;

/** The sound of `input` from the second `first` on, which becomes 0; nothing where there is none. */
export async function openSound(input: Input, first: number): Promise<Sound | undefined> {
  const track = await input.getPrimaryAudioTrack().catch(() => null);
  if (!track) return undefined;
  return { addTo: async (output) => (await copied(track, first, output)) ?? (await recoded(track, first, output)) };
}

async function copied(track: InputAudioTrack, first: number, output: Output): Promise<Writing | undefined> {
  const codec = await track.getCodec();
  const decoderConfig = await track.getDecoderConfig();
  if (!codec || !decoderConfig || !output.format.getSupportedAudioCodecs().includes(codec)) return undefined;
  const source = new EncodedAudioPacketSource(codec);
  output.addAudioTrack(source);
  return async () => {
    for await (const packet of new EncodedPacketSink(track).packets()) {
      const timestamp = packet.timestamp - first;
      if (timestamp >= 0) await source.add(packet.clone({ timestamp }), { decoderConfig });
    }
    source.close();
  };
}

type Writing = () => Promise<void>;

async function recoded(track: InputAudioTrack, first: number, output: Output): Promise<Writing> {
  const codec = await getFirstEncodableAudioCodec(output.format.getSupportedAudioCodecs());
  if (!codec || !(await track.canDecode())) return async () => {}; // a silent result is better than none
  const source = new AudioSampleSource({ codec, bitrate: BITRATE });
  output.addAudioTrack(source);
  return async () => {
    for await (const sample of new AudioSampleSink(track).samples()) {
      sample.setTimestamp(sample.timestamp - first);
      if (sample.timestamp >= 0) await source.add(sample);
      sample.close();
    }
    source.close();
  };
}
