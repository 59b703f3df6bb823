package groma

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	model := defaultModel(t)
	options := DefaultClassifyOptions()
	options.Probabilities = true
	result, err := model.Classify(context.Background(), surveyPoints(2000), options)
	must(t, err)
	defer result.Close()
	equal(t, "points", result.Len(), 2000)
	equal(t, "classes", result.ClassCount(), len(model.Classes()))
	width := result.ClassCount()
	equal(t, "probabilities", len(result.Probabilities()), 2000*width)
	for i, class := range result.Classes() {
		if have, want := result.Probabilities()[i*width+int(class)], result.Confidence()[i]; have != want {
			t.Fatalf("point %d: probability %v, confidence %v", i, have, want)
		}
	}
	tensor, err := result.Tensor(OutputProbabilities)
	must(t, err)
	equal(t, "shape", tensor.Shape, []int64{2000, int64(width)})
	mask, rows, err := result.Confident(0.9)
	must(t, err)
	sure, err := Elements[uint32](rows)
	must(t, err)
	marks, err := Elements[uint8](mask)
	must(t, err)
	count := 0
	for i, confidence := range result.Confidence() {
		if (confidence >= 0.9) != (marks[i] == 1) {
			t.Fatalf("point %d: confidence %v, mark %d", i, confidence, marks[i])
		}
		count += int(marks[i])
	}
	equal(t, "sure rows", len(sure), count)
}

func TestMissingColumn(t *testing.T) {
	model := defaultModel(t)
	points := surveyPoints(100)
	delete(points.Columns, "return_number")
	_, err := model.Classify(context.Background(), points, nil)
	var failed *Error
	if !errors.As(err, &failed) || failed.Status != StatusMissingColumn || failed.Subject != "return_number" {
		t.Errorf("%#v", err)
	}
}

func TestEightGoroutinesShareAModel(t *testing.T) {
	model := defaultModel(t)
	points := surveyPoints(3000)
	first, err := model.Classify(context.Background(), points, nil)
	must(t, err)
	expected := first.Copy()
	first.Close()
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for run := 0; run < 3; run++ {
				result, err := model.Classify(context.Background(), points, nil)
				if err != nil {
					t.Error(err)
					return
				}
				equal(t, "result", result.Copy(), expected)
				result.Close()
			}
		}()
	}
	all.Wait()
}

func TestContextCancels(t *testing.T) {
	model := defaultModel(t)
	points := surveyPoints(20000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := model.Classify(ctx, points, nil)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, StatusCancelled) {
		t.Errorf("cancelled before: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	schema, begun := "lod2", time.Now()
	many := XYZ(survey(400000))
	_, err = ComputeFeatures(ctx, many, schema, nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
		t.Errorf("cancelled after %v: %v", time.Since(begun), err)
	}
}

func TestCancelFlag(t *testing.T) {
	flag, err := NewCancel()
	must(t, err)
	defer flag.Close()
	options := DefaultFeaturesOptions()
	options.Cancel = flag
	if flag.IsTriggered() {
		t.Error("triggered at the start")
	}
	flag.Trigger()
	for _, ctx := range []context.Context{context.Background(), someContext(t)} {
		if _, err := ComputeFeatures(ctx, surveyPoints(1000), "planarity@k10", options); !errors.Is(err, StatusCancelled) {
			t.Errorf("%v", err)
		}
	}
}

func someContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx
}

func TestProgress(t *testing.T) {
	points := XYZ(survey(50000))
	var last, total uint64
	options := DefaultFeaturesOptions()
	options.Progress = func(_ Stage, done, of uint64) error {
		last, total = done, of
		return nil
	}
	features, err := ComputeFeatures(context.Background(), points, "planarity@k10", options)
	must(t, err)
	features.Close()
	if last == 0 || last != total {
		t.Errorf("%d of %d points", last, total)
	}
}

func TestErrorOfProgressCancels(t *testing.T) {
	enough := errors.New("enough")
	options := DefaultFeaturesOptions()
	options.Progress = func(Stage, uint64, uint64) error { return enough }
	_, err := ComputeFeatures(context.Background(), XYZ(survey(300000)), "lod2", options)
	if !errors.Is(err, enough) || !errors.Is(err, StatusCancelled) {
		t.Errorf("%v", err)
	}
}

func TestPanicOfProgressGoesOn(t *testing.T) {
	options := DefaultFeaturesOptions()
	options.Progress = func(Stage, uint64, uint64) error { panic("overboard") }
	defer func() { equal(t, "panic", recover(), "overboard") }()
	ComputeFeatures(context.Background(), XYZ(survey(300000)), "lod2", options)
	t.Error("the panic was lost")
}

func TestEnsembleAndEmbedding(t *testing.T) {
	model := defaultModel(t)
	points := surveyPoints(500)
	ensemble, err := OpenEnsemble([]*Model{model, model}, []float64{1, 3}, EnsembleMean)
	must(t, err)
	defer ensemble.Close()
	one, err := model.Classify(context.Background(), points, nil)
	must(t, err)
	both, err := ensemble.Classify(context.Background(), points, nil)
	must(t, err)
	equal(t, "classes", both.Copy().Classes, one.Copy().Classes)
	if _, err := OpenEnsemble([]*Model{model}, []float64{1, 3}, EnsembleMean); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("one weight too many: %v", err)
	}
	embeddings, err := model.Embed(context.Background(), points, "logits", nil)
	must(t, err)
	equal(t, "shape", embeddings.Shape(), []int64{500, 4})
	if _, err := model.Embed(context.Background(), points, "no such tensor", nil); err == nil {
		t.Error("a tensor that does not exist")
	}
}

func TestModelOptions(t *testing.T) {
	needRuntime(t)
	good, err := OpenModel(fixture("good.onnx"))
	must(t, err)
	manifest := strings.Replace(string(good.Manifest()), "\"fixture\"", "\"mine\"", 1)
	data, err := os.ReadFile(fixture("no_manifest.onnx"))
	must(t, err)
	model, err := OpenModelMemoryWith("memory", data, &ModelOptions{ManifestJSON: manifest, Device: "cpu"})
	must(t, err)
	defer model.Close()
	if model.Name() != "memory" || !strings.Contains(string(model.Manifest()), "mine") || len(model.Describe()) < 50 {
		t.Errorf("%s %s", model.Name(), model.Manifest())
	}
	if value, ok := good.Metadata("groma.manifest"); !ok || value == "" {
		t.Error("the file has no manifest")
	}
	_, err = OpenModelWith(fixture("good.onnx"), &ModelOptions{Device: "cuda"})
	var failed *Error
	if !errors.As(err, &failed) || failed.Status != StatusDeviceUnavailable || failed.Subject != "cuda" {
		t.Errorf("%#v", err)
	}
}

func TestClassifyFile(t *testing.T) {
	model := defaultModel(t)
	folder := t.TempDir()
	must(t, WriteLAS(context.Background(), surveyPoints(3000), folder+"/in.las", nil))
	summary, err := model.ClassifyFile(context.Background(), folder+"/in.las", folder+"/out.laz", nil)
	must(t, err)
	defer summary.Close()
	counted := uint64(0)
	for asprs := 0; asprs < 256; asprs++ {
		counted += summary.ClassPoints(uint8(asprs))
	}
	equal(t, "points", [2]uint64{summary.Points(), counted}, [2]uint64{3000, 3000})
	if summary.MeanConfidence() <= 0 || summary.Total() <= 0 || len(summary.JSON()) < 50 {
		t.Errorf("%s", summary.JSON())
	}
	_, err = model.ClassifyFile(context.Background(), folder+"/in.las", folder+"/out.laz", nil)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	matrix, err := FeaturesFile(context.Background(), "planarity@k10", folder+"/in.las", folder+"/f.npy", nil)
	must(t, err)
	equal(t, "rows", matrix.Points(), uint64(3000))
	half := DefaultFilterOptions()
	half.Fraction = 0.5
	filtered, err := FilterFile(context.Background(), folder+"/in.las", folder+"/half.laz", FilterRandom, half)
	must(t, err)
	equal(t, "written", filtered.Written(), uint64(1500))
	ground, err := GroundFile(context.Background(), folder+"/in.las", folder+"/ground.laz", nil)
	must(t, err)
	equal(t, "ground", ground.Points(), uint64(3000))
}
