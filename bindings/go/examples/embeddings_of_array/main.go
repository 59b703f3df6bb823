// Embeddings of points, the numbers inside a network that its answer is made of: embeddings_of_array MODEL TENSOR < points.txt
//
// Reads lines of x, y and z in metres. MODEL is an ONNX file with a manifest, or "default"; TENSOR is any tensor of it with
// one row a point. Without a TENSOR, it lists their names.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"groma"
)

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: embeddings_of_array MODEL [TENSOR] < points.txt")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "embeddings_of_array:", err)
		os.Exit(1)
	}
}

func run(path string, tensor []string) error {
	model, err := open(path)
	if err != nil {
		return err
	}
	defer model.Close()
	if len(tensor) == 0 {
		return json.NewEncoder(os.Stdout).Encode(model.Describe())
	}

	var xyz []float64
	var x, y, z float64
	for lines := bufio.NewReader(os.Stdin); ; {
		if n, _ := fmt.Fscan(lines, &x, &y, &z); n != 3 {
			break
		}
		xyz = append(xyz, x, y, z)
	}
	points := groma.InterleavedXYZ(xyz)
	points.Resolution = 0.01 // of the data; nothing moves
	one := make([]uint8, points.Len())
	for i := range one {
		one[i] = 1
	}
	points.Columns = map[string]groma.Array{"return_number": groma.Slice(one), "number_of_returns": groma.Slice(one)}

	embeddings, err := model.Embed(context.Background(), points, tensor[0], nil)
	if err != nil {
		return err
	}
	defer embeddings.Close()
	values, err := groma.Elements[float32](embeddings)
	if err != nil {
		return err
	}
	width := int(embeddings.Shape()[1])
	for i := 0; i < points.Len(); i++ {
		fmt.Println(values[i*width : (i+1)*width])
	}
	return nil
}

func open(path string) (*groma.Model, error) {
	if path == "default" {
		return groma.OpenDefaultModel()
	}
	return groma.OpenModel(path)
}
