import ArgumentParser
import CallModel
import Foundation
import NIOPosix
import PolicyEngine
import PolicyHooks
import PolicyTools
import PolicyTransport

/// `tandem explain`: what a policy would do with one call, and why.
struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Explain what the policy does with a call.",
    discussion: """
      Decides as a live call would be decided and shows every rule on the way with the first condition that failed, and \
      what local scripts change; then every way out with the number sent there, the destination limit it falls under, and \
      the limits that count. A policy server is not asked unless --ask says so: without --answer its hook's fallback \
      decides. \
      Exit codes: 0 explained, 1 the policy has errors, 2 wrong usage.
      """)

  @Argument(help: "What is dialled: 9196, bob@example.org, sip:bob@example.org;transport=tls …")
  var alias: String

  @Option(
    name: [.customLong("policies"), .customLong("policy"), .customShort("p")],
    help: "Directory with the policy's *.yaml files.")
  var policy = "policies"

  @Option(
    name: .customLong("protocol"), help: "The caller's protocol: sip, h323, mssip, webrtc, rtmp, teams, api.")
  var callProtocol: CallProtocol = .sip

  @Option(help: "The calling alias.")
  var from = "sip:anonymous@anonymous.invalid"

  @Flag(help: "The caller is registered here.")
  var registered = false

  @Option(help: "The alias the caller is registered as (implies --registered).")
  var registeredAs: String?

  @Option(help: "The location of the call; otherwise that of --source.")
  var location: String?

  @Option(help: "The address the call comes from.")
  var source: IPAddress?

  @Option(help: "The trunk the call comes over; otherwise that of --source.")
  var trunk: String?

  @Option(help: "What the caller offers: video, video-only, audio, or auto for a call without an offer.")
  var capability: CallCapability = .video

  @Option(help: "The call's tag.")
  var tag = ""

  @Option(help: "A trunk to be taken for down; may be given several times.")
  var withoutTrunk: [String] = []

  @Option(help: "The time of the call, ISO 8601; otherwise now.")
  var at: WallClock?

  @Option(help: "in, out or non-dial.")
  var direction: ExplainedDirection = .in

  @Option(help: "A file with what the policy server answers (JSON), instead of asking it.")
  var answer: String?

  @Option(help: "The HTTP status of --answer.")
  var answerStatus = 200

  @Option(help: "The policy server fails: timeout, refused, or invalid for an answer that is void.")
  var serverFails: PolicyDouble.Failure?

  @Flag(help: "Ask the policy server, as a live call would.")
  var ask = false

  @Flag(name: .customLong("all"), help: "List every rule, also of a long policy.")
  var listsEveryRule = false

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard [answer != nil, serverFails != nil, ask].count(where: { $0 }) <= 1 else {
      throw ValidationError("--answer, --server-fails and --ask exclude each other.")
    }
    guard (100...599).contains(answerStatus) else {
      throw ValidationError("--answer-status is an HTTP status, from 100 to 599.")
    }
  }

  func run() async throws {
    let (snapshot, places) = try loadPolicyWithPlaces(policy)
    if let location, snapshot.location(named: location) == nil {
      let known = snapshot.policy.locations.map(\.name).joined(separator: ", ")
      throw ValidationError("There is no location named “\(location)”. Known: \(known)")
    }
    for trunk in [trunk].compactMap({ $0 }) + withoutTrunk where snapshot.trunk(named: trunk) == nil {
      let known = snapshot.policy.trunks.map(\.name).joined(separator: ", ")
      throw ValidationError("There is no trunk named “\(trunk)”. Known: \(known)")
    }
    let now = WallClock(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    let call = ExplainedCall(
      alias: alias, callProtocol: callProtocol, direction: direction.direction, from: from,
      registeredAlias: registeredAs, isRegistered: registered, location: location, source: source,
      trunk: trunk, capability: capability, tag: tag, withoutTrunks: Set(withoutTrunk), at: at ?? now)
    let chain = PolicyChain(snapshot)
    let outcome = call.decide(by: chain, answer: try await answer(to: call, chain))
    var renderer = DecisionRecordRenderer(
      policy: snapshot, explained: outcome, listsEveryRule: listsEveryRule)
    renderer.places = places
    print(json ? renderer.json(outcome.record) : renderer.text(outcome.record), terminator: "")
  }

  /// What the policy server says about the call; nil: it would not be asked.
  private func answer(to call: ExplainedCall, _ chain: PolicyChain) async throws -> PolicyAnswer? {
    guard let (profile, question) = call.question(to: chain.policy) else {
      guard answer == nil, serverFails == nil, !ask else {
        throw ValidationError("No policy server would be asked about this call.")
      }
      return nil
    }
    if ask {
      let server = PolicyServer(profile: profile, group: MultiThreadedEventLoopGroup.singleton)
      let answer = await server.ask(question, chain.context)
      await server.shutdown()
      return answer
    }
    var double = serverFails.map { PolicyDouble.failure($0) }
    if let answer {
      guard let data = FileManager.default.contents(atPath: answer) else {
        throw ValidationError("The file \(answer) cannot be read.")
      }
      double = .answer(status: answerStatus, body: String(decoding: data, as: UTF8.self))
    }
    return PolicyAnswer(double, to: question, of: profile, chain.context)
  }
}

/// The words of `--direction`.
enum ExplainedDirection: String, ExpressibleByArgument, CaseIterable {
  case `in`, out
  case nonDial = "non-dial"

  var direction: CallDirection {
    switch self {
    case .in: .dialIn
    case .out: .dialOut
    case .nonDial: .nonDial
    }
  }
}

extension PolicyDouble.Failure: ExpressibleByArgument {}
extension CallProtocol: ExpressibleByArgument {}
extension CallCapability: ExpressibleByArgument {}

extension IPAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension WallClock: ExpressibleByArgument {
  public init?(argument: String) { self.init(iso8601: argument) }
}
