import CallModel
import PolicyHooks

/// Whatever a policy server answers, reading it ends in a verdict: the same each time, with a field named when it is void and none
/// wrong when it is used. The first byte chooses the question.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPolicyAnswer(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  let body = Array(UnsafeBufferPointer(start: data + 1, count: size - 1))
  let request = questions[Int(data[0]) % questions.count]
  let answer = HTTPAnswer(status: 200, body: body)
  let reading = AnswerReading(answer, to: request, context)
  precondition(AnswerReading(answer, to: request, context) == reading)
  let errors = reading.findings.filter { $0.severity == .error }
  if reading.outcome == .invalid { precondition(!reading.findings.isEmpty) }
  if reading.outcome == .used { precondition(errors.isEmpty) }
  for finding in reading.findings { precondition(finding.description.utf8.count < 2_000) }
  if case .service(.use(let fields)) = reading.verdict { _ = fields.decision(ServiceDefaults()) }
  return 0
}

private let node = NodeFacts(location: "North", address: nil, versionID: "35", pseudoVersionID: "1")
private let call = CallFacts(
  direction: .dialIn, callProtocol: .sip, trigger: .invite, localAlias: "sip:a@b", remoteAlias: "sip:c@d")
private let service = ServiceFacts(name: "Board", tag: "t")
private let context = AnswerContext(
  names: ConfiguredNames([.location: ["North"], .trunk: ["PBX"], .theme: ["Blue"], .playlist: ["7"]]))

private let questions: [ExternalPolicyRequest] = [
  .serviceConfiguration(call, node),
  .participantProperties(
    call, node, service: service, participant: ParticipantFacts(participantUUID: "p", callUUID: "c")),
  .mediaLocation(call, node, service: service),
  .avatar(.init(alias: "a", width: 4, height: 3), node),
  .directory(.init(query: "a", registrationAlias: "b"), node),
  .registration(.init(alias: "a", callProtocol: .sip), node),
]
