// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing else in this repository depends on SwiftNIO.
let package = Package(
    name: "benchmarks-swift-nio",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0")
    ],
    targets: [
        .executableTarget(
            name: "NIOServer",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]
        )
    ],
    swiftLanguageModes: [.v6]
)
