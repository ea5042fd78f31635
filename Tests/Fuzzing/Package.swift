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
                .product(name: "Lamina", package: "lamina"), .product(name: "LaminaHost", package: "lamina"),
                .product(name: "LaminaProvider", package: "lamina"),
                .product(name: "LaminaFaultRules", package: "lamina"),
                .product(name: "LaminaFirewallRules", package: "lamina"),
                .product(name: "LaminaHostsRules", package: "lamina"),
                .product(name: "LaminaRedirectRules", package: "lamina"),
            ]
        ),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "CLibFuzzer", "FuzzedReaders",
                // Plug-ins that are loaded.
                .product(name: "LaminaMemory", package: "lamina"), .product(name: "LaminaSocks5", package: "lamina"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
