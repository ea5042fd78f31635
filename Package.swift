// swift-tools-version: 6.2
import PackageDescription

/// One provider plug-in: a folder under `Plugins/`, a module `LaminaNAME`, and a dynamic library of that name
/// that exports the start-up symbol alone.
struct Plugin {
    let name: String
    /// Whether it is written over the typed SDK, and so without C's tables and calls.
    var isTyped = false
    /// Modules in folders of its own, which others may read as well.
    var parts: [String] = []
    var module: String { "Lamina\(name)" }

    /// The plug-in, and its parts, which tools outside the package try.
    var products: [Product] {
        [.library(name: module, type: .dynamic, targets: [module])]
            + parts.map { .library(name: module + $0, targets: [module + $0]) }
    }

    var target: Target {
        .target(
            name: module,
            dependencies: isTyped
                ? ["LaminaProvider", "CLaminaPlugin"] + parts.map { .target(name: module + $0) }
                : ["LaminaProvider", "CLamina", "CLinux"],
            path: "Plugins/\(name)",
            exclude: ["manifest.json"] + parts,
            swiftSettings: house + [.unsafeFlags(lean)] + safe,
            linkerSettings: [
                exports("Plugins/plugin.map"), shipped,
                .unsafeFlags(["-static-stdlib"], .when(configuration: .release)),
            ]
        )
    }

    var partTargets: [Target] {
        parts.map {
            .target(
                name: module + $0,
                dependencies: ["LaminaProvider"],
                path: "Plugins/\(name)/\($0)",
                swiftSettings: house + [.unsafeFlags(lean)] + safe
            )
        }
    }
}

/// Swift settings of every target.
let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Makes unsafe code that doesn't say so an error.
let safe: [SwiftSetting] = [.strictMemorySafety(), .treatWarning("StrictMemorySafety", as: .error)]

/// Keeps the concurrency and string-processing run times out of what does not use them.
let lean = [
    "-Xfrontend", "-disable-implicit-concurrency-module-import",
    "-Xfrontend", "-disable-implicit-string-processing-module-import",
]

/// Links with a version script, so that only the symbols it lists are exported, and keeps the library mapped.
func exports(_ map: String) -> LinkerSetting {
    .unsafeFlags([
        "-use-ld=lld", "-Xlinker", "--undefined-version", "-Xlinker",
        "--version-script=\(Context.packageDirectory)/\(map)",
        "-Xlinker", "-z", "-Xlinker", "nodelete",
    ])
}

/// What is shipped has the C++ libraries inside that a Swift run time inside needs.
let shipped = LinkerSetting.unsafeFlags(
    [
        "-L", "\(Context.packageDirectory)/Sources/Linking", "-Xclang-linker", "-static-libgcc",
        "-Xlinker", "--gc-sections", "-Xlinker", "-s",
    ],
    .when(configuration: .release)
)

let plugins =
    ["Kernel", "Memory"].map { Plugin(name: $0) }
    + ["Trace", "Count", "Resolver", "Socks5", "Throttle", "Meter"].map {
        Plugin(name: $0, isTyped: true)
    } + ["Fault", "Firewall", "Hosts", "Redirect"].map { Plugin(name: $0, isTyped: true, parts: ["Rules"]) }

let package = Package(
    name: "lamina",
    products: [
        .executable(name: "lamina", targets: ["LaminaCLI"]),
        .executable(name: "lamina-fetch", targets: ["LaminaFetch"]),
        .library(name: "Lamina", targets: ["Lamina"]),
        .library(name: "LaminaProvider", targets: ["LaminaProvider"]),
        .library(name: "LaminaFFI", targets: ["LaminaFFI"]),
        .library(name: "CLaminaFFI", type: .static, targets: ["CLaminaFFI"]),
        .library(name: "LaminaGenericExample", type: .dynamic, targets: ["LaminaGenericExample"]),
        .library(name: "LaminaHost", targets: ["LaminaHost"]),
        .library(name: "LaminaConformance", targets: ["LaminaConformance"]),
        .library(name: "LaminaC", type: .dynamic, targets: ["LaminaC"]),
        .library(name: "WinsockKernel", type: .dynamic, targets: ["WinsockKernel"]),
        .library(name: "LaminaPreload", type: .dynamic, targets: ["LaminaPreload"]),
    ] + plugins.flatMap(\.products),
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .target(name: "CLamina"),
        .target(name: "CLinux"),
        .target(name: "CLaminaPlugin", dependencies: ["CLamina"]),
        .target(name: "CLaminaRun"),
        .target(name: "Lamina", dependencies: ["CLamina", "CLinux"], swiftSettings: house),
        .target(
            name: "LaminaProvider",
            dependencies: ["CLamina", "CLinux", "CLaminaPlugin"],
            exclude: ["Package.swift.in"],
            swiftSettings: house + [
                .enableExperimentalFeature("Lifetimes"), .enableExperimentalFeature("SuppressedAssociatedTypes"),
                .unsafeFlags(lean),
                // What a typed layer's every call runs through is short enough to notice a frame pointer.
                .unsafeFlags(["-Xcc", "-Xclang", "-Xcc", "-mframe-pointer=none"], .when(configuration: .release)),
            ]
        ),
        .systemLibrary(name: "CFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),
        .target(
            name: "CLaminaFFI",
            dependencies: ["CFFI", "CLamina"],
            exclude: ["lamina-ffi.pc.in"]
        ),
        .target(
            name: "LaminaFFI",
            dependencies: ["CLaminaFFI", "CLamina", "LaminaProvider"],
            swiftSettings: house + [.unsafeFlags(lean)]
        ),
        .target(
            name: "LaminaConformance",
            dependencies: ["Lamina", "CLamina", "CLinux"],
            swiftSettings: house
        ),
        .target(
            name: "LaminaC",
            dependencies: ["Lamina", "CLamina"],
            exclude: ["lamina.map", "lamina.pc.in"],
            swiftSettings: house,
            linkerSettings: [
                exports("Sources/LaminaC/lamina.map"), shipped,
                .unsafeFlags(["-static-stdlib", "-Xlinker", "-soname", "-Xlinker", "liblamina.so.0"]),
            ]
        ),
        .target(name: "CWinsockKernel", dependencies: ["CLamina", "CLinux"]),
        .target(
            name: "WinsockKernel",
            dependencies: ["Lamina", "CLamina", "CLinux", "CWinsockKernel"],
            exclude: ["wsk.map", "Tools"],
            swiftSettings: house,
            linkerSettings: [
                exports("Sources/WinsockKernel/wsk.map"), shipped,
                .unsafeFlags(["-static-stdlib", "-Xlinker", "-soname", "-Xlinker", "liblamina-wsk.so.0"]),
                // A sanitizer's run time comes with the program.
                .unsafeFlags(["-Xlinker", "-z", "-Xlinker", "defs"], .when(configuration: .release)),
            ]
        ),
        .target(
            name: "LaminaHost",
            dependencies: ["Lamina", "CLaminaRun", "CLinux"],
            swiftSettings: house
        ),
        .target(
            name: "LaminaPreload",
            dependencies: ["CLaminaRun"],
            exclude: ["preload.map"],
            cSettings: [.unsafeFlags(["-fno-sanitize=all", "-fno-stack-protector", "-Os"])],
            linkerSettings: [
                exports("Sources/LaminaPreload/preload.map"),
                .unsafeFlags(["-enable-experimental-feature", "Embedded"]),
                .unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release)),
            ]
        ),
        .executableTarget(
            name: "LaminaFetch",
            linkerSettings: [
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--as-needed", "-enable-experimental-feature", "Embedded"]),
                .unsafeFlags(["-Xlinker", "-s"], .when(configuration: .release)),
            ]
        ),
        .executableTarget(
            name: "LaminaCLI",
            dependencies: [
                "Lamina", "LaminaConformance", "LaminaHost",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["command.map"],
            swiftSettings: house,
            linkerSettings: [
                .unsafeFlags(["-use-ld=lld"]),
                .unsafeFlags(["-Xlinker", "--export-dynamic"], .when(configuration: .debug)),
                .unsafeFlags(
                    ["-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/LaminaCLI/command.map"],
                    .when(configuration: .release)
                ),
                shipped,
            ]
        ),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "Lamina", "CLamina", "CLinux", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmarks",
            exclude: ["Fixtures", "SwiftNIO"],
            swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]
        ),
        .executableTarget(
            name: "HostDriver",
            dependencies: ["Lamina", "LaminaHost"],
            path: "Tests/HostDriver",
            swiftSettings: house
        ),
        .executableTarget(
            name: "CatalogDriver",
            dependencies: ["TestSupport"],
            path: "Tests/CatalogDriver",
            swiftSettings: house
        ),
        .executableTarget(
            name: "HandoffExample",
            dependencies: ["Lamina", "CLamina"],
            path: "Tests/Examples/HandoffExample",
            swiftSettings: house
        ),
        .target(
            name: "LaminaGenericExample",
            dependencies: ["LaminaFFI", "LaminaProvider", "CLamina"],
            path: "Tests/Examples/GenericExample",
            swiftSettings: house + [.unsafeFlags(lean)],
            linkerSettings: [exports("Plugins/plugin.map")]
        ),
        .executableTarget(
            name: "HandoffDriver",
            dependencies: ["Lamina", "CLamina", "CLinux"],
            path: "Tests/HandoffDriver",
            swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]
        ),
        .target(
            name: "TestSupport",
            dependencies: ["Lamina", "CLamina", "CLinux"],
            path: "Tests/Support",
            swiftSettings: house
        ),
        .target(
            name: "FuzzedReaders",
            dependencies: [
                "Lamina", "LaminaHost", "LaminaProvider", "LaminaFaultRules", "LaminaFirewallRules", "LaminaHostsRules",
                "LaminaRedirectRules",
            ],
            path: "Tests/Fuzzing/Sources/FuzzedReaders"
        ),
    ] + plugins.map(\.target) + plugins.flatMap(\.partTargets) + [
        .testTarget(
            name: "LaminaTests",
            dependencies: ["Lamina", "CLamina", "CLinux", "FuzzedReaders", "TestSupport"],
            swiftSettings: house,
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]
        ),
        .testTarget(
            name: "PluginTests",
            dependencies: ["Lamina", "CLamina", "CLinux", "TestSupport", "LaminaFirewallRules"],
            swiftSettings: house
        ),
        .testTarget(
            name: "LaminaHostTests",
            dependencies: ["LaminaHost", "Lamina", "CLamina", "CLinux", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: house
        ),
        .testTarget(
            name: "LaminaConformanceTests",
            dependencies: ["LaminaConformance", "Lamina", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: house
        ),
        .testTarget(
            name: "WinsockKernelTests",
            dependencies: ["CLinux", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: house
        ),
        .testTarget(
            name: "LaminaCTests",
            dependencies: ["CLinux", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: house
        ),
        .testTarget(
            name: "LaminaCLITests",
            dependencies: ["Lamina", "CLinux", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: house
        ),
    ],
    swiftLanguageModes: [.v6]
)
