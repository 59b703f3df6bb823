/// Asks the default model how alike points are: embeddings_of_array [TENSOR]
///
/// TENSOR is any tensor of the model with one row a point; `relu2` is the last one before the classes. The points are a flat
/// roof above flat ground, made here; the cosine of two points of the roof and of one of each is printed.
///
///   c++ -std=c++17 -Iinclude examples/cpp/embeddings_of_array.cpp -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
#include <cmath>
#include <cstdio>
#include <groma.hpp>

constexpr std::size_t side = 60;

struct Point {
    double x, y, z;
    std::uint8_t return_number, number_of_returns;
};

static std::vector<Point> scene() {
    std::vector<Point> points;
    for (std::size_t i = 0; i < side * side; i++) {
        const double x = 0.5 * static_cast<double>(i % side), y = 0.5 * static_cast<double>(i / side);
        const bool roof = x >= 10 && x < 20 && y >= 10 && y < 20;
        points.push_back({x, y, 0.01 * static_cast<double>(i * 7919 % 13) + (roof ? 6.0 : 0.0), 1, 1});
    }
    return points;
}

static double cosine(groma::span<const float> a, groma::span<const float> b) {
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); i++) {
        const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        ab += x * y, aa += x * x, bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

int main(int argc, char **argv) {
    try {
        const std::vector<Point> own = scene();
        groma::Points points(own.size());
        points.x(&own[0].x, sizeof(Point)).y(&own[0].y, sizeof(Point)).z(&own[0].z, sizeof(Point)).resolution(0.01);
        points.column("return_number", &own[0].return_number, sizeof(Point));
        points.column("number_of_returns", &own[0].number_of_returns, sizeof(Point));

        const auto model = groma::Model::open_default();
        const groma::Value embeddings = groma::embed(model, points, argc > 1 ? argv[1] : "relu2");
        const auto width = static_cast<std::size_t>(embeddings.shape()[1]);
        const auto of = [&](std::size_t row) { return embeddings.as<float>().subspan(row * width, width); };
        const std::size_t roof = 25 * side + 25, same_roof = 33 * side + 36, ground = 50 * side + 8;
        std::printf("%zu points, %zu numbers each\n", static_cast<std::size_t>(embeddings.shape()[0]), width);
        std::printf("roof and roof   %.4f\n", cosine(of(roof), of(same_roof)));
        std::printf("roof and ground %.4f\n", cosine(of(roof), of(ground)));
    } catch (const groma::Error &error) {
        std::fprintf(stderr, "embeddings_of_array: %s (status %d)\n", error.what(), static_cast<int>(error.status()));
        return 1;
    }
}
