package groma

import (
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// needRuntime skips what runs a model where there is no ONNX Runtime.
func needRuntime(t *testing.T) {
	t.Helper()
	if os.Getenv("GROMA_ONNXRUNTIME") == "" {
		t.Skip("SKIPPED: no ONNX Runtime (set GROMA_ONNXRUNTIME)")
	}
}

// fixture is a model of the project's tests.
func fixture(name string) string {
	folder := os.Getenv("GROMA_TEST_MODELS")
	if folder == "" {
		folder = "../../tests/models"
	}
	return filepath.Join(folder, name)
}

func defaultModel(t *testing.T) *Model {
	t.Helper()
	needRuntime(t)
	model, err := OpenDefaultModel()
	must(t, err)
	t.Cleanup(func() { model.Close() })
	return model
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, have, want any) {
	t.Helper()
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%s: %v, not %v", what, have, want)
	}
}

// survey is ground with a few boxes on it: x, y, z in metres, in whole centimetres.
func survey(count int) (x, y, z []float64) {
	random := rand.New(rand.NewSource(1))
	x, y, z = make([]float64, count), make([]float64, count), make([]float64, count)
	for i := range x {
		east, north := random.Intn(6000), random.Intn(6000)
		up := (east + 2*north) / 100
		if (east/1000+north/1000)%3 == 0 {
			up += 600
		}
		x[i], y[i], z[i] = float64(east)/100, float64(north)/100, float64(up+random.Intn(5))/100
	}
	return x, y, z
}

// surveyPoints has the attributes that the default model asks for.
func surveyPoints(count int) *Points {
	points := XYZ(survey(count))
	points.Resolution = 0.01
	one := make([]uint8, count)
	for i := range one {
		one[i] = 1
	}
	points.Columns = map[string]Array{"return_number": Slice(one), "number_of_returns": Slice(one)}
	return points
}
