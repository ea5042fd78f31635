// swift-tools-version: 6.2
import PackageDescription

// A package of its own: everything in it is built with libFuzzer's instrumentation, which brings its own driver.
let package = Package(
    name: "fuzzing",
    dependencies: [.package(name: "lamina", path: "../..")],
    targets: [
        .target(name: "CLibFuzzer"),
        .target(
            name: "FuzzedReaders",
            dependencies: [
                .product(name: "Lamina", package: "lamina"), .product(name: "LaminaFaultRules", package: "lamina"),
                .product(name: "LaminaFirewallRules", package: "lamina"),
            ]
        ),
        .executableTarget(name: "Fuzz", dependencies: ["CLibFuzzer", "FuzzedReaders"]),
    ],
    swiftLanguageModes: [.v6]
)
