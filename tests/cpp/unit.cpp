/// What groma.hpp adds to groma.h: defaults, exceptions around the library, owners, spans, points, values. Without a model.
#include <groma.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <iostream>
#include <random>
#include <thread>

static int failures = 0;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            std::cerr << __FILE__ << ":" << __LINE__ << ": " #condition "\n"; \
            failures++; \
        } \
    } while (false)

/// The status that a call fails with; `ok` if it does not.
template <class Function>
static groma::Status status_of(Function &&function) {
    try {
        function();
    } catch (const groma::Error &error) {
        CHECK(std::strlen(error.what()) > 0);
        return error.status();
    }
    return groma::Status::ok;
}

/// Options that nobody has touched are byte for byte what the library's own init function gives.
template <class Options, class C>
static void check_defaults(void (*init)(C *, std::uint32_t)) {
    C expected, found = Options{}.c();
    init(&expected, sizeof expected);
    CHECK(std::memcmp(&expected, &found, sizeof expected) == 0);
}

static void defaults() {
    check_defaults<groma::ClassifyOptions>(groma_classify_options_init);
    check_defaults<groma::FeaturesOptions>(groma_features_options_init);
    check_defaults<groma::FeaturesFileOptions>(groma_features_file_options_init);
    check_defaults<groma::GroundOptions>(groma_ground_options_init);
    check_defaults<groma::FilterOptions>(groma_filter_options_init);
    check_defaults<groma::LasOptions>(groma_las_options_init);
    check_defaults<groma::NeighborsOptions>(groma_neighbors_options_init);
    check_defaults<groma::NetworkRunOptions>(groma_network_run_options_init);
    check_defaults<groma::RunOptions>(groma_run_options_init);
    check_defaults<groma::ModelOptions>(groma_model_options_init);
}

/// A cloud that takes long enough to be asked about.
static std::vector<double> cloud(std::size_t count) {
    std::vector<double> xyz;
    for (std::size_t i = 0; i < count; i++) {
        xyz.push_back(static_cast<double>(i % 300) * 0.1);
        xyz.push_back(static_cast<double>(i / 300 % 300) * 0.1);
        xyz.push_back(static_cast<double>(i * 7919 % 101) * 0.01);
    }
    return xyz;
}

struct Interrupted {
    int number;
};

static void progress() {
    const std::vector<double> xyz = cloud(60000);
    const auto points = groma::Points::interleaved(xyz);
    groma::FeaturesOptions options;
    int calls = 0;
    options.progress = [&](groma::Stage, std::uint64_t done, std::uint64_t total) {
        calls++;
        CHECK(total == 0 || done <= total);
        return true;
    };
    const auto features = groma::compute_features(points, "planarity@k20", options);
    CHECK(calls > 0 && features.rows() == 60000 && features.columns() == 1 && features.values().size() == 60000);
    CHECK(features.column_name(0) == "planarity@k20" && features.column_name(1).data() == nullptr);

    // Long enough for a first report on any machine: work that is complete is not cancelled any more.
    const std::vector<double> many = cloud(1000000);
    const auto survey = groma::Points::interleaved(many);
    options.threads = 1;
    options.progress = [](auto, auto, auto) { return false; };
    CHECK(status_of([&] { groma::compute_features(survey, "planarity@k20", options); }) == groma::Status::cancelled);

    // An exception of the callback's own type comes out of the call, once.
    calls = 0;
    options.progress = [&](auto, auto, auto) -> bool {
        calls++;
        throw Interrupted{42};
    };
    bool came = false;
    try {
        groma::compute_features(points, "planarity@k20", options);
    } catch (const Interrupted &interrupted) {
        came = interrupted.number == 42;
    }
    CHECK(came && calls == 1);

    const groma::Cancel cancel;
    CHECK(!cancel.is_triggered());
    std::thread([&] { cancel.trigger(); }).join();
    CHECK(cancel.is_triggered());
    options.progress = {};
    options.cancel = &cancel;
    CHECK(status_of([&] { groma::compute_features(points, "planarity@k20", options); }) == groma::Status::cancelled);
}

static void errors() {
    groma::check_abi();
    CHECK(groma::abi_version() >> 16 == GROMA_ABI_MAJOR);
    CHECK(groma::status_name(groma::Status::not_found) == "NOT_FOUND");
    try {
        groma::describe_las("/nowhere/a.laz");
        CHECK(false);
    } catch (const groma::Error &error) {
        CHECK(error.status() == groma::Status::not_found && error.subject() == "/nowhere/a.laz");
        CHECK(std::string(error.what()).find("/nowhere/a.laz") != std::string::npos);
        const groma::Error copy = error;
        CHECK(copy.subject() == error.subject() && std::string(copy.what()) == error.what());
    }
    CHECK(status_of([] { groma::describe_schema("nothing@k20"); }) == groma::Status::unknown_feature);
    const std::vector<double> four(4);
    CHECK(status_of([&] { groma::Points::interleaved(four); }) == groma::Status::invalid_argument);
    CHECK(status_of([] { groma::Model::ensemble({}, groma::Combine::mean, {1.0}); }) == groma::Status::invalid_argument);
    const std::vector<std::uint8_t> classes(2);
    CHECK(status_of([&] { groma::Points(3).column("classification", classes); }) == groma::Status::invalid_argument);
    const double x = 0;
    const std::int32_t y = 0;
    CHECK(status_of([&] { groma::Points(1).x(&x).y(&y); }) == groma::Status::invalid_argument);
}

static void owners() {
    groma::Value value = groma::Value::copy(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
    CHECK(value && value.kind() == groma::Kind::tensor && value.element_type() == groma::ElementType::f32);
    CHECK(value.shape().size() == 2 && value.shape()[1] == 3 && value.count() == 6 && value.size_bytes() == 24);
    CHECK(value.as<float>()[5] == 6);
    CHECK(status_of([&] { value.as<double>(); }) == groma::Status::invalid_argument);

    const groma::Value second = value.share(); // the same memory
    CHECK(second.data() == value.data());
    groma::Value moved = std::move(value);
    CHECK(moved.data() == second.data());
    moved = groma::Value();
    CHECK(!moved && moved.count() == 0 && moved.data() == nullptr && moved.shape().empty());
    CHECK(second.as<float>()[0] == 1);

    // By DLPack to someone else and back, without a copy.
    const groma::Value back = groma::Value::from_dlpack(second.to_dlpack());
    CHECK(back.data() == second.data());
    const groma::Tensor view = back.tensor();
    CHECK(view.ndim == 2 && view.dtype.code == GROMA_DTYPE_FLOAT && view.dtype.bits == 32);

    const groma::Value texts = groma::Value::strings({"roof", std::string_view("a\0b", 3), ""}, {3});
    CHECK(texts.string(0) == "roof" && texts.string(1).size() == 3 && texts.string(2).empty() && texts.string(3).data() == nullptr);
    for (const groma::Shape &shape : {groma::Shape{3}, {}, {0}, {-1}, {-1, -2}, {1, 3}, {std::int64_t(1) << 62, 4}, {std::int64_t(1) << 33, std::int64_t(1) << 33}})
        CHECK(status_of([&] { groma::Value::strings({"roof", "wall"}, shape); }) == groma::Status::invalid_argument);
    CHECK(groma::Value::strings({"roof", "wall"}, {2, 1}).count() == 2 && groma::Value::strings({}, {0}).count() == 0);
    CHECK(groma::Value::strings({"alone"}, {}).string(0) == "alone");
    std::vector<groma::Value> items;
    items.push_back(texts.share());
    items.push_back(back.share());
    const groma::Value sequence = groma::Value::sequence(items);
    CHECK(sequence.kind() == groma::Kind::sequence && sequence.items().size() == 2 && sequence.item(1).data() == back.data());
    CHECK(status_of([&] { sequence.item(2); }) == groma::Status::invalid_argument);
    CHECK(groma::Value::none().kind() == groma::Kind::none);
    const groma::Value empty = groma::Value::copy(std::vector<std::int64_t>{}, {0, 4});
    CHECK(empty.count() == 0 && empty.shape()[1] == 4);
    const bool flags[] = {true, false};
    CHECK(groma::Value::copy(groma::span<const bool>(flags), {2}).element_type() == groma::ElementType::boolean);
}

/// Strings that C would take for shorter ones are refused wherever they go in.
static void strings() {
    using namespace std::string_literals;
    const auto refused = [](auto &&function) { CHECK(status_of(function) == groma::Status::invalid_argument); };
    const std::string name = "lod2\0, planarity@k20"s;
    refused([&] { groma::describe_schema(name); });
    refused([&] { groma::compute_features(groma::Points(), name); });
    refused([&] { groma::Path{name}; });
    refused([&] { groma::Path{std::string_view(name)}; });
    refused([&] { groma::Path{std::filesystem::path(name)}; });
    refused([&] { groma::describe_las(name); });
    refused([&] { groma::Cloud::read("/nowhere/a.laz", name); });
    refused([&] { groma::Points().column(name, groma::ElementType::u8, nullptr); });
    refused([&] { groma::FeaturesOptions options; options.dtm = name; options.c(); });
    refused([&] { groma::ModelOptions options; options.device = name; options.c(); });
    refused([&] { groma::LasOptions options; options.crs_wkt = name; options.c(); });
    refused([&] { groma::Network::open_memory(name, "", 0); });
    refused([&] { groma::NetworkOptions options; options.extra_outputs = {name}; groma::Network::open("/nowhere/a.onnx", options); });
    groma::Checkpoint checkpoint = groma::Checkpoint::create();
    const groma::Value value = groma::Value::copy(std::vector<float>{1}, {1});
    refused([&] { checkpoint.add(groma::Section::weights, name, value); });
    refused([&] { checkpoint.value(groma::Section::weights, name); });
    refused([&] { groma::Checkpoint::create(name); });
}

// What would point to a temporary does not compile.
template <class T, class = void>
constexpr bool interleaves = false;
template <class T>
constexpr bool interleaves<T, std::void_t<decltype(groma::Points::interleaved(std::declval<T>()))>> = true;
template <class T, class = void>
constexpr bool is_column = false;
template <class T>
constexpr bool is_column<T, std::void_t<decltype(std::declval<groma::Points &>().column("x", std::declval<T>()))>> = true;
static_assert(interleaves<std::vector<double> &> && interleaves<const std::vector<double> &> && interleaves<groma::span<const double>>);
static_assert(!interleaves<std::vector<double>> && !interleaves<const std::vector<double>> && !interleaves<std::array<double, 3>>);
static_assert(is_column<std::vector<float> &> && is_column<const std::vector<float> &> && is_column<groma::span<const float>>);
static_assert(!is_column<std::vector<float>> && !is_column<const std::vector<float>>);
static_assert(std::is_constructible_v<groma::Input, const char *, const groma::Value &>);
static_assert(!std::is_constructible_v<groma::Input, const char *, groma::Value>);

struct Echo {
    std::int32_t x, y, z;
    std::uint8_t classification;
};

static void points() {
    std::vector<Echo> echoes;
    for (int i = 0; i < 400; i++) echoes.push_back({i % 20 * 100, i / 20 * 100, i == 210 ? 100000 : 0, 1});
    groma::Points points(echoes.size());
    points.x(&echoes[0].x, sizeof(Echo)).y(&echoes[0].y, sizeof(Echo)).z(&echoes[0].z, sizeof(Echo));
    points.scale(0.01, 0.01, 0.01).offset(1000, 2000, 0);
    points.column("classification", &echoes[0].classification, sizeof(Echo));

    groma::FilterOptions lonely;
    lonely.radius_m = 1.5;
    const auto filtered = groma::filter_points(points, groma::Filter::radius, lonely);
    CHECK(filtered.count() == 399 && filtered.mask().size() == 400 && filtered.mask()[210] == 0 && filtered.positions().empty());
    const auto voxels = groma::filter_points(points, groma::Filter::voxel);
    CHECK(voxels.positions().size() == 3 * voxels.count());

    const auto neighbors = groma::Neighbors::nearest(points, 5);
    CHECK(neighbors.count() == 400 && neighbors.total() == 2000 && neighbors.offsets().size() == 401);
    CHECK(neighbors.of(0).size() == 5 && neighbors.of(0)[0] == 0 && neighbors.distances()[0] == 0);
    CHECK(neighbors.value(groma::Neighbors::Output::indices).as<std::uint32_t>().data() == neighbors.indices().data());

    const auto ground = groma::find_ground(points);
    CHECK(ground.count() == 400 && ground.classes()[210] != 2 && ground.heights().empty());

    // An empty cloud is no error, and an array that is missing is one.
    const auto nothing = groma::compute_features(groma::Points(), "planarity@k20");
    CHECK(nothing.rows() == 0 && nothing.columns() == 1 && nothing.values().empty());
    CHECK(status_of([] { groma::compute_features(groma::Points(3), "planarity@k20"); }) == groma::Status::invalid_argument);
}

/// Points know their unit, and options that name none take it.
static void units() {
    const double foot = 0.3048;
    std::vector<double> metres = cloud(3000), feet = metres;
    for (double &coordinate : feet) coordinate /= foot;
    const auto in_feet = groma::Points::interleaved(feet).linear_unit_m(foot);
    CHECK(in_feet.linear_unit_m() == foot && groma::Points(3).linear_unit_m() == 0);

    groma::NeighborsOptions neighbors;
    const auto total = [&](const groma::Points &points) { return groma::Neighbors::within(points, 0.55, neighbors).total(); };
    const std::size_t expected = total(groma::Points::interleaved(metres));
    // A few pairs lie at that distance but for what coordinates were rounded to.
    const auto near = [](std::size_t a, std::size_t b) { return a < b + b / 50 && b < a + a / 50; };
    CHECK(near(total(in_feet), expected) && total(groma::Points::interleaved(feet)) < expected / 2);
    neighbors.linear_unit_m = 1; // what options say comes first
    CHECK(total(in_feet) == total(groma::Points::interleaved(feet)));

    groma::FilterOptions voxels;
    const auto count = [&](const groma::Points &points) { return groma::filter_points(points, groma::Filter::voxel, voxels).count(); };
    CHECK(count(in_feet) < count(groma::Points::interleaved(feet)) / 4);
    const auto range = [](const groma::Points &points) { return groma::compute_features(points, "vertical_range@r1.0").values()[1500]; };
    CHECK(std::abs(range(in_feet) - range(groma::Points::interleaved(metres))) < 0.01F);
    groma::GroundOptions ground;
    ground.height = groma::Height::nearest;
    const auto height = [&](const groma::Points &points) {
        const auto found = groma::find_ground(points, ground);
        return *std::max_element(found.heights().begin(), found.heights().end());
    };
    CHECK(std::abs(height(in_feet) - height(groma::Points::interleaved(metres))) < 0.05F);

    // A file in feet gives points in feet.
    const auto path = std::filesystem::temp_directory_path() / ("groma-units-" + std::to_string(std::random_device()()) + ".las");
    groma::LasOptions las;
    las.crs_wkt = "PROJCS[\"p\",GEOGCS[\"g\",UNIT[\"degree\",0.0174532925]],UNIT[\"foot\",0.3048]]";
    groma::write_las(in_feet, path, las);
    const groma::Cloud read = groma::Cloud::read(path);
    std::filesystem::remove(path);
    CHECK(read.linear_unit_m() > 0 && read.points().linear_unit_m() == read.linear_unit_m());
    neighbors.linear_unit_m = 0;
    CHECK(near(total(read.points()), expected));
}

static void surroundings() {
    CHECK(groma::doctor().find("\"groma\"") != std::string::npos || groma::doctor().front() == '{');
    const auto devices = groma::Devices::list();
    CHECK(devices.count() >= 1 && devices.name(0) == "cpu" && devices.name(99).data() == nullptr);
    std::atomic<int> messages{0};
    groma::set_log([&](groma::LogLevel, std::string_view, std::string_view) { messages++; throw Interrupted{1}; }, groma::LogLevel::debug);
    const std::vector<double> xyz = cloud(3000);
    groma::compute_features(groma::Points::interleaved(xyz), "planarity@k20");
    groma::set_log({});
}

int main() {
    defaults();
    errors();
    owners();
    strings();
    points();
    units();
    progress();
    surroundings();
    if (failures) std::cerr << failures << " failed\n";
    return failures ? 1 : 0;
}
