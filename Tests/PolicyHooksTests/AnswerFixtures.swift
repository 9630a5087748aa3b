import CallModel
import JSONText
import PolicyEngine
import PolicyHooks

/// What most tests of answers need: a call, a node, names that exist, and short ways to read.
enum Fixture {
  static let node = NodeFacts(
    location: "North", address: IPAddress("192.0.2.1"), versionID: "35", pseudoVersionID: "77683.0.0")
  static let service = ServiceFacts(name: "Board", tag: "board-1")

  static let context = AnswerContext(
    names: ConfiguredNames([
      .location: ["North", "South", "Cloud"], .trunk: ["PBX East"], .theme: ["Blue"],
      .playlist: ["Welcome", "7"],
      .h323Gatekeeper: ["GK"], .mssipProxy: ["SfB"], .stunServer: ["STUN"], .turnServer: ["TURN"],
      .teamsProxy: ["Teams"], .gmsAccessToken: ["Meet"], .identityProviderGroup: ["Staff"],
    ]),
    patternFault: { $0.hasSuffix("(") ? "missing closing parenthesis" : nil })

  static func call(_ direction: CallDirection = .dialIn) -> CallFacts {
    CallFacts(
      direction: direction, callProtocol: .sip, trigger: .invite, localAlias: "sip:a@example.org",
      remoteAlias: "sip:b@example.org")
  }

  static func request(_ kind: PolicyRequestKind, _ direction: CallDirection = .dialIn)
    -> ExternalPolicyRequest
  {
    switch kind {
    case .serviceConfiguration: .serviceConfiguration(call(direction), node)
    case .participantProperties:
      .participantProperties(
        call(), node, service: service, participant: ParticipantFacts(participantUUID: "p", callUUID: "c"))
    case .mediaLocation: .mediaLocation(call(), node, service: service)
    case .avatar: .avatar(.init(alias: "b@example.org", width: 4, height: 3), node)
    case .directory: .directory(.init(query: "a", registrationAlias: "b@example.org"), node)
    case .registration: .registration(.init(alias: "b@example.org", callProtocol: .sip), node)
    }
  }

  static func read(
    _ kind: PolicyRequestKind, _ body: String, status: Int = 200, context: AnswerContext = context
  ) -> AnswerReading {
    AnswerReading(HTTPAnswer(status: status, body: Array(body.utf8)), to: request(kind), context)
  }

  /// A result with `fields` put over those of a plain conference.
  static func conference(_ fields: String = "") -> String {
    #"{"service_type":"conference","name":"Board","service_tag":"b""# + (fields.isEmpty ? "" : "," + fields)
      + "}"
  }

  static func gateway(_ fields: String = "") -> String {
    #"{"service_type":"gateway","name":"desk-0f31","service_tag":"desk","local_alias":"sip:desk@example.org","remote_alias":"sip:agent7@pbx.example.org","outgoing_protocol":"sip""#
      + (fields.isEmpty ? "" : "," + fields) + "}"
  }

  static func success(_ result: String, action: String? = "continue") -> String {
    let action = action.map { #","action":"\#($0)""# } ?? ""
    return #"{"status":"success"\#(action),"result":\#(result)}"#
  }
}

extension AnswerReading {
  var errors: [String] { findings.filter { $0.severity == .error }.map(\.field) }
  var notes: [String] { findings.filter { $0.severity == .note }.map(\.field) }

  var fields: ServiceFields? { if case .service(.use(let fields)) = verdict { fields } else { nil } }
}
