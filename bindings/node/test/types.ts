// Checked by the TypeScript compiler, never run: how programs use the types.

import { Cancel, Features, GromaError, Model, Network, Points, Value, setLog } from '..';

async function classify(path: string): Promise<number> {
    using model = await Model.openDefault();
    const points: Points = { xyz: new Float64Array(3), columns: { return_number: new Uint8Array(1) } };
    const controller = new AbortController();
    const result = await model.classify(points, {
        search: 'kdTree',
        signal: controller.signal,
        cancel: new Cancel(),
        progress: (stage, done, total) => stage !== 'write' && done <= total,
    });
    const classes: Uint8Array = result.classes;
    const width: number | undefined = result.probabilities?.length;
    const summary = model.classifyFileSync(path, 'out.laz', { keepClasses: [7, 18], overwrite: true });
    result.close();
    return classes.length + (width ?? 0) + summary.points;
}

async function run(): Promise<Value> {
    const network = await Network.open('network.onnx', { optimization: 'basic', extraOutputs: ['hidden'] });
    const { logits } = await network.run({ features: { data: new Float32Array(10), shape: [2, 5] }, names: ['a', 'b'] });
    // @ts-expect-error: there is no such option
    Features.computeSync({ xyz: new Float64Array(3) }, 'lod2', { blockSize: 1 });
    // @ts-expect-error: coordinates are float64 or int32
    Features.computeSync({ xyz: new Float32Array(3) }, 'lod2');
    return logits!;
}

async function failed(error: unknown): Promise<string> {
    await setLog((level, target, message) => console.log(level, target, message), 'debug');
    return error instanceof GromaError ? `${error.code} ${error.status} ${error.subject ?? ''}` : 'unknown';
}

export { classify, failed, run };
