package groma

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// planarity is a feature of points, as a slice of Go's.
func planarity(t *testing.T, points *Points) []float32 {
	t.Helper()
	points.Resolution = 0.01
	features, err := ComputeFeatures(context.Background(), points, "planarity@k10, vertical_range@r1.0", nil)
	must(t, err)
	defer features.Close()
	return features.CopyValues()
}

func TestPointsMayLieAnywhere(t *testing.T) {
	x, y, z := survey(1000)
	expected := planarity(t, XYZ(x, y, z))

	xyz := make([]float64, 0, 3*len(x))
	type plain struct {
		tag     uint8
		X, Y, Z float64
	}
	type withPointer struct {
		name    *string
		X, Y, Z float64
	}
	plains, pointers := make([]plain, len(x)), make([]withPointer, len(x))
	steps := [3][]int32{}
	for i := range x {
		xyz = append(xyz, x[i], y[i], z[i])
		plains[i] = plain{1, x[i], y[i], z[i]}
		name := fmt.Sprint(i)
		pointers[i] = withPointer{&name, x[i], y[i], z[i]}
		for axis, value := range []float64{x[i], y[i], z[i]} {
			steps[axis] = append(steps[axis], int32(value*100+0.5))
		}
	}
	equal(t, "interleaved", planarity(t, InterleavedXYZ(xyz)), expected)
	equal(t, "structs", planarity(t, &Points{
		X: Field(plains, func(p *plain) *float64 { return &p.X }),
		Y: Field(plains, func(p *plain) *float64 { return &p.Y }),
		Z: Field(plains, func(p *plain) *float64 { return &p.Z }),
	}), expected)
	equal(t, "structs with pointers", planarity(t, &Points{
		X: Field(pointers, func(p *withPointer) *float64 { return &p.X }),
		Y: Field(pointers, func(p *withPointer) *float64 { return &p.Y }),
		Z: Field(pointers, func(p *withPointer) *float64 { return &p.Z }),
	}), expected)
	equal(t, "integers", planarity(t, &Points{
		X: Slice(steps[0]), Y: Slice(steps[1]), Z: Slice(steps[2]), Scale: [3]float64{0.01, 0.01, 0.01},
	}), expected)
}

func TestManyColumns(t *testing.T) {
	points := surveyPoints(300)
	for i := 0; i < 20; i++ {
		values := make([]uint16, 2*300)
		for row := range values {
			values[row] = uint16(100*i + row/2)
		}
		points.Columns[fmt.Sprintf("own_%02d", i)] = Strided(values, 1, 2)
	}
	path := t.TempDir() + "/many.las"
	must(t, WriteLAS(context.Background(), points, path, nil))
	cloud, err := ReadLAS(context.Background(), path, nil, nil)
	must(t, err)
	defer cloud.Close()
	for i := 0; i < 20; i++ {
		value, err := cloud.Value(fmt.Sprintf("own_%02d", i))
		must(t, err)
		values, err := Elements[uint16](value)
		must(t, err)
		equal(t, "first and last", [2]uint16{values[0], values[299]}, [2]uint16{uint16(100 * i), uint16(100*i + 299)})
		value.Close()
	}
}

func TestImpossiblePoints(t *testing.T) {
	x, y, z := survey(10)
	short := surveyPoints(10)
	short.Columns["return_number"] = Slice([]uint8{1})
	for what, points := range map[string]*Points{
		"nil":              nil,
		"lengths":          XYZ(x, y, z[:5]),
		"types":            {X: Slice(x), Y: Slice(y), Z: Slice(make([]int32, 10))},
		"column":           short,
		"coordinates type": {X: Slice([]uint8{1}), Y: Slice([]uint8{1}), Z: Slice([]uint8{1})},
	} {
		if _, err := ComputeFeatures(context.Background(), points, "planarity@k10", nil); !errors.Is(err, StatusInvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	options := DefaultFeaturesOptions()
	options.Threads = -1
	if _, err := ComputeFeatures(context.Background(), XYZ(x, y, z), "planarity@k10", options); !errors.Is(err, StatusInvalidArgument) {
		t.Errorf("threads: %v", err)
	}
}

func TestGroundAndFilters(t *testing.T) {
	ctx, points := context.Background(), surveyPoints(5000)
	options := DefaultGroundOptions()
	options.Height = HeightTIN
	ground, err := FindGround(ctx, points, options)
	must(t, err)
	defer ground.Close()
	classes, heights := ground.Copy()
	found := 0
	for _, class := range classes {
		if class == 2 {
			found++
		}
	}
	equal(t, "ground points", found, ground.Found())
	equal(t, "heights", len(heights), 5000)

	filter := DefaultFilterOptions()
	filter.Count = 100
	filtered, err := FilterPoints(ctx, points, FilterRandom, filter)
	must(t, err)
	defer filtered.Close()
	equal(t, "chosen", len(filtered.CopyRows()), 100)
	chosen := 0
	for _, mark := range filtered.Mask() {
		chosen += int(mark)
	}
	equal(t, "marks", chosen, 100)
	if filtered.Positions() != nil {
		t.Error("random points have new positions")
	}
}

func TestNeighbors(t *testing.T) {
	ctx := context.Background()
	points := XYZ([]float64{0, 1, 5}, []float64{0, 0, 0}, []float64{0, 0, 0})
	nearest, err := Nearest(ctx, points, 2, nil)
	must(t, err)
	defer nearest.Close()
	rows, distances := nearest.Of(2)
	equal(t, "rows", rows, []uint32{2, 1})
	equal(t, "distances", distances, []float32{0, 4})
	within, err := Within(ctx, points, 1.5, nil)
	must(t, err)
	offsets, _, _ := within.Copy()
	within.Close()
	equal(t, "offsets", offsets, []uint64{0, 2, 4, 5})
	value, err := nearest.Value(NeighborsIndices)
	must(t, err)
	equal(t, "indices", value.Len(), 6)
}

func TestClouds(t *testing.T) {
	ctx, folder := context.Background(), t.TempDir()
	path := folder + "/survey.laz"
	must(t, WriteLAS(ctx, surveyPoints(1000), path, nil))
	if err := WriteLAS(ctx, surveyPoints(10), path, nil); !errors.Is(err, StatusOutputExists) {
		t.Errorf("written over: %v", err)
	}
	cloud, err := ReadLAS(ctx, path, []string{"return_number"}, nil)
	must(t, err)
	equal(t, "points", cloud.Len(), 1000)
	equal(t, "columns", cloud.Columns(), []string{"return_number"})
	points, err := cloud.Points()
	must(t, err)
	expected := planarity(t, XYZ(survey(1000)))
	equal(t, "features of a cloud", planarity(t, points), expected)
	cloud.Close()
	if _, err := ComputeFeatures(ctx, points, "planarity@k10", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("points of a closed cloud: %v", err)
	}
	if text, err := DescribeLAS(path); err != nil || len(text) < 100 {
		t.Errorf("%s %v", text, err)
	}
}
