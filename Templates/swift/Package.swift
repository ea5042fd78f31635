// swift-tools-version: 6.2
import PackageDescription

/// Where Lamina's SDK is installed.
let sdk = "__prefix__/share/lamina/LaminaProvider"

let package = Package(
    name: "__name__",
    products: [.library(name: "__Module__", type: .dynamic, targets: ["__Module__"])],
    dependencies: [.package(path: sdk)],
    targets: [
        .target(
            name: "__Module__",
            dependencies: [.product(name: "LaminaProvider", package: "LaminaProvider")],
            swiftSettings: [
                .strictMemorySafety(),
                .treatWarning("StrictMemorySafety", as: .error),
            ],
            linkerSettings: [
                // Exports the start-up symbol alone, keeps the library mapped, and brings Swift's run time along.
                .unsafeFlags(["-use-ld=lld", "-Xlinker", "--version-script=\(sdk)/plugin.map"]),
                .unsafeFlags(["-Xlinker", "--undefined-version", "-Xlinker", "-z", "-Xlinker", "nodelete"]),
                .unsafeFlags(
                    ["-static-stdlib", "-Xlinker", "--gc-sections", "-Xlinker", "-s"],
                    .when(configuration: .release)
                ),
            ]
        ),
        .testTarget(
            name: "__Module__Tests",
            dependencies: ["__Module__", .product(name: "LaminaConformance", package: "LaminaProvider")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
