// swift-tools-version:6.2
import PackageDescription

// Every target of ours: Swift 6 mode, and a warning is an error. Dependencies stay quiet.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")

let package = Package(
  name: "tandem",
  products: [
    .executable(name: "tandem", targets: ["tandem"]),
    .library(name: "TandemCores", targets: ["CallModel", "SIP", "SDP", "PolicyEngine", "MediaRelay"]),
    // One each, so that a package that needs one parser (Fuzz) builds only that.
    .library(name: "SIP", targets: ["SIP"]),
    .library(name: "SDP", targets: ["SDP"]),
    .library(name: "PolicyEngine", targets: ["PolicyEngine"]),
    .library(name: "PolicyScript", targets: ["PolicyScript", "CallModel"]),
    .library(name: "PolicyHooks", targets: ["PolicyHooks", "CallModel"]),
    .library(name: "MediaRelay", targets: ["MediaRelay", "CallModel"]),
    .library(name: "Codecs", targets: ["Codecs"]),
    .library(name: "AudioMixing", targets: ["AudioMixing", "Codecs", "CallModel"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
  ],
  targets: [
    // C libraries of the system, and the one C file that Swift cannot express (batched socket calls).
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
    .systemLibrary(name: "CSRTPOracle", pkgConfig: "libsrtp2", providers: [.apt(["libsrtp2-dev"])]),
    .systemLibrary(name: "COpus", pkgConfig: "opus", providers: [.apt(["libopus-dev"])]),
    .systemLibrary(name: "CSpanDSP", pkgConfig: "spandsp", providers: [.apt(["libspandsp-dev"])]),
    .systemLibrary(name: "CSpeexDSP", pkgConfig: "speexdsp", providers: [.apt(["libspeexdsp-dev"])]),
    .target(name: "CMediaIO"),

    // Values, and the sans-IO cores.
    .target(name: "CallModel", swiftSettings: strict),
    .target(name: "JSONText", swiftSettings: strict),
    .target(name: "SDP", dependencies: ["CallModel"], swiftSettings: strict),
    .target(name: "SIP", dependencies: ["CallModel", "COpenSSL"], swiftSettings: strict),
    .target(name: "PatternAnalysis", swiftSettings: strict),
    .target(name: "TimeZones", swiftSettings: strict),
    .target(
      name: "PolicyEngine",
      dependencies: [
        "CallModel", "TimeZones", "CPCRE2", "PatternAnalysis", "PolicyScript",
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: strict),
    .target(
      name: "PolicyScript", dependencies: ["CallModel", "TimeZones", "JSONText", "CPCRE2", "COpenSSL"],
      swiftSettings: strict),
    .target(
      name: "PolicyTools",
      dependencies: [
        "PolicyEngine", "PolicyHooks", "PolicyScript", "TimeZones", "PatternAnalysis", "CallModel",
      ],
      swiftSettings: strict),
    .target(
      name: "PolicyActivation",
      dependencies: ["PolicyTools", "PolicyHooks", "PolicyScript", "PolicyEngine", "CallModel", "JSONText"],
      swiftSettings: strict),
    .target(
      name: "PolicyImport",
      dependencies: ["PolicyEngine", "PatternAnalysis", "CallModel", "JSONText", "CPCRE2"],
      swiftSettings: strict),
    .target(
      name: "PolicyHooks", dependencies: ["CallModel", "JSONText", "PolicyEngine", "PolicyScript"],
      swiftSettings: strict),
    .target(
      name: "Router", dependencies: ["PolicyEngine", "PolicyHooks", "CallModel"], swiftSettings: strict),

    // The media plane: threads and raw system calls of its own.
    .target(
      name: "MediaRelay", dependencies: ["CallModel", "CMediaIO", "COpenSSL"], swiftSettings: strict),

    // What is heard: encodings, and the parts and the arithmetic of a mix. Sans-IO as well.
    .target(name: "Codecs", dependencies: ["COpus", "CSpanDSP", "CSpeexDSP"], swiftSettings: strict),
    .target(name: "AudioMixing", dependencies: ["Codecs", "CallModel"], swiftSettings: strict),
    // Both together: conferences and transcoding on the media threads.
    .target(
      name: "AudioBridge", dependencies: ["CallModel", "Codecs", "AudioMixing", "MediaRelay"],
      swiftSettings: strict),

    // Drivers.
    .target(name: "DNSResolver", dependencies: ["CallModel", "CCares", nio], swiftSettings: strict),
    .target(
      name: "SIPTransport",
      dependencies: ["CallModel", "SIP", "DNSResolver", nio, nioPosix, nioTLS, nioSSL, log],
      swiftSettings: strict),
    .target(
      name: "PolicyTransport",
      dependencies: [
        "CallModel", "PolicyEngine", "PolicyHooks", nio, nioPosix, nioHTTP1, nioSSL, asyncHTTPClient,
      ], swiftSettings: strict),
    .target(
      name: "Records",
      dependencies: [
        "CallModel", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"), log,
      ],
      swiftSettings: strict),

    .target(name: "StructuredLogging", dependencies: [log], swiftSettings: strict),

    // Calls.
    .target(
      name: "Gateway",
      dependencies: [
        "CallModel", "SIP", "SDP", "Router", "PolicyEngine", "PolicyHooks", "MediaRelay", "AudioBridge", log,
      ],
      swiftSettings: strict),
    .target(
      name: "Conferences",
      dependencies: [
        "CallModel", "JSONText", "PolicyEngine", "Router", "MediaRelay", "AudioBridge", "AudioMixing",
        "Codecs", "PolicyHooks",
      ],
      swiftSettings: strict),
    .target(
      name: "ManagementAPI", dependencies: ["Conferences", "PolicyEngine", "CallModel", "JSONText"],
      swiftSettings: strict),
    .target(
      name: "TestCaller",
      dependencies: [
        "CallModel", "Codecs", "SIP", "SDP", "SIPTransport", "DNSResolver", "MediaRelay", nio, nioPosix, log,
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "tandem",
      dependencies: [
        "CallModel", "SIP", "SDP", "PolicyEngine", "PolicyTools", "PolicyActivation", "PolicyImport",
        "Router", "Gateway", "MediaRelay", "Conferences", "ManagementAPI", "Records", "PolicyHooks",
        "PolicyScript",
        "PolicyTransport", "TimeZones", "SIPTransport", "DNSResolver", "StructuredLogging", "TestCaller",
        "Codecs", "AudioBridge",
        nio, nioPosix, log, hummingbird, hummingbirdCore, httpTypes,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], swiftSettings: strict),

    // What `make bench` measures decisions with; here, and not in a package of its own, to share the build.
    .executableTarget(
      name: "policybench", dependencies: ["PolicyEngine", "CallModel"],
      path: "Benchmarks/Sources/policybench",
      swiftSettings: strict),

    // What it measures mixing and transcoding with.
    .executableTarget(
      name: "mixbench",
      dependencies: [
        "AudioBridge", "AudioMixing", "Codecs", "MediaRelay", "CMediaIO", "CallModel", "TestSupport",
      ],
      path: "Benchmarks/Sources/mixbench",
      swiftSettings: strict),

    .target(
      name: "TestSupport", dependencies: ["CallModel"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "PolicyTestSupport", dependencies: ["Router", "PolicyEngine", "PolicyHooks", "CallModel"],
      path: "Tests/PolicyTestSupport", swiftSettings: strict),

    // Tests: one target a module; EndToEnd drives real peers against the real binary.
    .testTarget(name: "CallModelTests", dependencies: ["CallModel"], swiftSettings: strict),
    .testTarget(name: "JSONTextTests", dependencies: ["JSONText"], swiftSettings: strict),
    .testTarget(name: "TimeZonesTests", dependencies: ["TestSupport", "TimeZones"], swiftSettings: strict),
    .testTarget(name: "SDPTests", dependencies: ["TestSupport", "SDP", "CallModel"], swiftSettings: strict),
    .testTarget(
      name: "SIPTests", dependencies: ["TestSupport", "SIP", "CallModel"], resources: [.copy("Vectors")],
      swiftSettings: strict),
    .testTarget(
      name: "PatternAnalysisTests", dependencies: ["TestSupport", "PatternAnalysis", "CPCRE2"],
      swiftSettings: strict),
    .testTarget(
      name: "PolicyEngineTests", dependencies: ["TestSupport", "PolicyEngine", "CallModel"],
      swiftSettings: strict),
    .testTarget(
      name: "PolicyHooksTests",
      dependencies: [
        "TestSupport", "PolicyHooks", "PolicyEngine", "PolicyScript", "TimeZones", "JSONText", "CallModel",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PolicyScriptTests",
      dependencies: ["TestSupport", "PolicyScript", "TimeZones", "JSONText", "CallModel"],
      resources: [.copy("Oracle")], swiftSettings: strict),
    .testTarget(
      name: "PolicyTransportTests",
      dependencies: [
        "TestSupport", "PolicyTransport", "PolicyHooks", "PolicyEngine", "CallModel", nio, nioPosix,
        asyncHTTPClient,
      ], resources: [.copy("policy-server.py")], swiftSettings: strict),
    .testTarget(
      name: "PolicyToolsTests",
      dependencies: [
        "TestSupport", "PolicyTools", "PolicyEngine", "PolicyHooks", "PatternAnalysis", "CallModel",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PolicyActivationTests",
      dependencies: ["PolicyActivation", "PolicyTools", "PolicyHooks", "PolicyEngine", "CallModel"],
      swiftSettings: strict),
    .testTarget(
      name: "PolicyImportTests",
      dependencies: ["TestSupport", "PolicyImport", "PolicyEngine", "CallModel"],
      resources: [.copy("Exports")], swiftSettings: strict),
    .testTarget(
      name: "RouterTests",
      dependencies: [
        "TestSupport", "PolicyTestSupport", "Router", "PolicyEngine", "PolicyHooks", "CallModel",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MediaRelayTests",
      dependencies: ["TestSupport", "MediaRelay", "CMediaIO", "CallModel", "CSRTPOracle"],
      swiftSettings: strict),
    .testTarget(
      name: "DNSResolverTests",
      dependencies: ["TestSupport", "DNSResolver", "SIPTransport", "SIP", "CallModel", nio, nioPosix],
      swiftSettings: strict),
    .testTarget(
      name: "SIPTransportTests",
      dependencies: ["TestSupport", "SIPTransport", "SIP", "CallModel", nio, nioPosix, log],
      swiftSettings: strict),
    .testTarget(
      name: "StructuredLoggingTests", dependencies: ["StructuredLogging", log], swiftSettings: strict),
    .testTarget(
      name: "TestCallerTests", dependencies: ["TestSupport", "TestCaller", "Codecs", "SIP", "CallModel"],
      swiftSettings: strict),
    .testTarget(name: "CodecsTests", dependencies: ["Codecs", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "AudioMixingTests", dependencies: ["AudioMixing", "Codecs", "CallModel", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "AudioBridgeTests",
      dependencies: ["AudioBridge", "AudioMixing", "Codecs", "MediaRelay", "CallModel", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "RecordsTests",
      dependencies: [
        "TestSupport", "Records", "CallModel", .product(name: "GRDB", package: "GRDB.swift"), log,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "TestSupport", "PolicyTestSupport", "Gateway", "Router", "PolicyEngine", "PolicyHooks", "SIP", "SDP",
        "MediaRelay", "CallModel",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ConferencesTests",
      dependencies: [
        "TestSupport", "Conferences", "Router", "PolicyEngine", "PolicyHooks", "CallModel", "AudioMixing",
        "AudioBridge", "MediaRelay",
      ], swiftSettings: strict),
    .testTarget(
      name: "ManagementAPITests",
      dependencies: ["TestSupport", "ManagementAPI", "Conferences", "PolicyEngine", "CallModel", "JSONText"],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["tandem", "TestCaller", "SIP", "CallModel", asyncHTTPClient, nio, nioHTTP1],
      resources: [.copy("Scenarios")],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
