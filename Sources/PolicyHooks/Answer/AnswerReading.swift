import CallModel
import JSONText
import PolicyEngine

/// An HTTP response, whole.
public struct HTTPAnswer: Hashable, Sendable {
  public var status: Int
  /// The Content-Encoding header, when it was there.
  public var contentEncoding: String?
  public var body: [UInt8]

  public init(status: Int, contentEncoding: String? = nil, body: [UInt8]) {
    self.status = status
    self.contentEncoding = contentEncoding
    self.body = body
  }

  var isSuccess: Bool { (200..<300).contains(status) }
}

/// What an answer is checked against.
public struct AnswerContext: Sendable {
  public var names: ConfiguredNames
  /// Why a text is no regular expression of rules; nil when it is one.
  public var patternFault: @Sendable (String) -> String?
  /// The service a call is placed from: an answer about another one is ignored (routing reference §11.5).
  public var runningService: RunningService?

  public struct RunningService: Hashable, Sendable {
    public var name: String
    public var type: ServiceType
    public init(name: String, type: ServiceType) {
      self.name = name
      self.type = type
    }
  }

  public init(
    names: ConfiguredNames = ConfiguredNames(),
    patternFault: @escaping @Sendable (String) -> String? = { _ in nil },
    runningService: RunningService? = nil
  ) {
    self.names = names
    self.patternFault = patternFault
    self.runningService = runningService
  }
}

/// An answer read: what it means, and everything that was found wrong with it.
public struct AnswerReading: Hashable, Sendable {
  public var verdict: PolicyVerdict
  public var outcome: PolicyOutcome
  public var disposition: PolicyDisposition?
  public var findings: [AnswerFinding]

  /// Reads the answer to `request`. Never fails: an answer that is wrong in any field means what silence means, and the
  /// findings say which field it was.
  public init(_ answer: HTTPAnswer, to request: ExternalPolicyRequest, _ context: AnswerContext) {
    var reader = FieldReader(names: context.names, patternFault: context.patternFault)
    self.init(verdict: .standard(for: request.kind), outcome: .error, findings: [])
    guard answer.isSuccess else {
      // Whatever the body says: servers answer 404 with an action for what is not theirs.
      outcome = answer.status == 404 ? .notMine : .error
      if outcome == .error { findings = [AnswerFinding("", .status(answer.status))] }
      return
    }
    if let encoding = answer.contentEncoding, !encoding.isEmpty, encoding.lowercased() != "identity" {
      outcome = .invalid
      findings = [
        AnswerFinding("", .notJSON("encoded as \(AnswerFinding.shown(encoding)), which was not asked for"))
      ]
      return
    }
    if case .avatar(let asked, _) = request {
      let picture = reader.avatar(answer.body, width: asked.width, height: asked.height)
      self.init(
        verdict: .avatar(picture), outcome: picture == nil ? .invalid : .used, findings: reader.findings)
      return
    }
    guard let envelope = AnswerEnvelope(answer.body, &reader) else {
      outcome = .invalid
      findings = reader.findings
      return
    }
    switch request {
    case .serviceConfiguration(let call, _, _):
      readService(envelope, &reader, call.direction == .dialOut ? context.runningService : nil)
    case .participantProperties: readParticipant(envelope, &reader)
    case .mediaLocation: readLocation(envelope, &reader)
    case .directory: readDirectory(envelope, &reader)
    case .registration(let asked, _): readRegistration(envelope, &reader, asked.authentication)
    case .avatar: break
    }
    findings = reader.findings
  }

  init(
    verdict: PolicyVerdict, outcome: PolicyOutcome, disposition: PolicyDisposition? = nil,
    findings: [AnswerFinding] = []
  ) {
    self.verdict = verdict
    self.outcome = outcome
    self.disposition = disposition
    self.findings = findings
  }

  private mutating func decide(
    _ verdict: PolicyVerdict, _ outcome: PolicyOutcome, _ disposition: PolicyDisposition? = nil
  ) {
    self.verdict = verdict
    self.outcome = outcome
    self.disposition = disposition
  }

  // MARK: §11.1

  private mutating func readService(
    _ envelope: AnswerEnvelope, _ reader: inout FieldReader, _ running: AnswerContext.RunningService?
  ) {
    var fields: ServiceFields?
    // What the answer is judged by, if it is no valid service: an alias to redirect to is not a field too many.
    var redirection = reader
    let alias = envelope.action == .redirect ? redirection.newAlias(envelope.result) : nil
    if envelope.isSuccess, !envelope.isResultEmpty, let result = envelope.result {
      var validation = ServiceValidation(reader: reader)
      fields = validation.fields(result)
      if fields != nil || envelope.action == .continue || envelope.action == .other {
        reader = validation.reader
      }
    }
    // A valid service counts, whatever the action says.
    if let fields {
      guard let running else { return decide(.service(.use(fields)), .used, .continue) }
      return adjust(running, by: fields, &reader)
    }
    switch envelope.action {
    case .reject: decide(.service(.reject), .reject, .reject)
    case .redirect:
      reader = redirection
      if let alias, running == nil {
        decide(.service(.redirect(alias)), .redirect, .redirect)
      } else {
        decide(.service(.ownRules), .invalid)
      }
    case .continue, .other:
      if !envelope.isSuccess {
        decide(.service(.ownRules), .notMine)
      } else if reader.hasErrors {
        decide(.service(.ownRules), .invalid)
      } else {
        decide(.service(.ownRules), .continue, envelope.action == .continue ? .continue : nil)
      }
    }
  }

  /// §11.5: the answer must describe the service the call is placed from.
  private mutating func adjust(
    _ running: AnswerContext.RunningService, by fields: ServiceFields, _ reader: inout FieldReader
  ) {
    if fields.name != running.name { reader.note("result.name", .otherService, .note) }
    if fields.type != running.type { reader.note("result.service_type", .otherService, .note) }
    guard fields.name == running.name, fields.type == running.type else {
      return decide(.service(.ownRules), .invalid)
    }
    decide(.service(.adjust(DialOutAdjustment(fields))), .used, .continue)
  }

  // MARK: §11.2

  private mutating func readParticipant(_ envelope: AnswerEnvelope, _ reader: inout FieldReader) {
    guard envelope.isSuccess else { return decide(.participant(.unchanged), .notMine) }
    if envelope.action == .reject {
      return decide(.participant(.reject(reason: reader.rejectReason(envelope.result))), .reject, .reject)
    }
    let disposition: PolicyDisposition? = envelope.action == .continue ? .continue : nil
    guard !envelope.isResultEmpty, let result = envelope.result else {
      return decide(.participant(.unchanged), .continue, disposition)
    }
    guard let properties = reader.participantProperties(result) else {
      return decide(.participant(.unchanged), .invalid)
    }
    decide(.participant(properties.isEmpty ? .unchanged : .apply(properties)), .used, disposition)
  }

  // MARK: §11.3

  private mutating func readLocation(_ envelope: AnswerEnvelope, _ reader: inout FieldReader) {
    guard envelope.isSuccess else { return decide(.mediaLocation(nil), .notMine) }
    let location = reader.mediaLocation(envelope.result)
    decide(.mediaLocation(location), location == nil ? .invalid : .used, location == nil ? nil : .continue)
  }

  private mutating func readDirectory(_ envelope: AnswerEnvelope, _ reader: inout FieldReader) {
    guard envelope.isSuccess else { return decide(.directory(nil), .notMine) }
    let directory = reader.directory(envelope)
    decide(.directory(directory), directory == nil ? .invalid : .used)
  }

  private mutating func readRegistration(
    _ envelope: AnswerEnvelope, _ reader: inout FieldReader,
    _ authentication: ExternalPolicyRequest.RegistrationRequest.Authentication
  ) {
    guard envelope.isSuccess else { return decide(.registration(.ownDevices), .notMine) }
    // Like a participant's, this refusal counts whatever the result is: the safe side.
    if envelope.action == .reject { return decide(.registration(.refuse), .reject, .reject) }
    // With single sign-on the identity provider decides, not a password.
    guard authentication == .credentials, !envelope.isResultEmpty, let result = envelope.result else {
      return decide(.registration(.ownDevices), .continue, .continue)
    }
    switch reader.registrationCredentials(result) {
    case (let username, let password)? where username.isEmpty && password.isEmpty:
      decide(.registration(.open), .used, .continue)
    case (let username, let password)?:
      decide(.registration(.authenticate(username: username, password: Secret(password))), .used, .continue)
    case nil: decide(.registration(.ownDevices), .invalid)
    }
  }
}

extension FieldReader {
  /// The alias a caller is redirected to.
  mutating func newAlias(_ result: JSONNode?) -> String? {
    guard let result else {
      note("result.new_alias", .missing)
      return nil
    }
    guard let members = members(result, "result") else { return nil }
    guard let alias = members["new_alias"], alias.value != .null else {
      note("result.new_alias", .missing)
      return nil
    }
    return text(alias, "result.new_alias", isEmptyAllowed: false)
  }

  /// Shown to users; one that cannot be shown takes nothing away from the refusal.
  mutating func rejectReason(_ result: JSONNode?) -> String? {
    guard let result, case .object(let object) = result.value, let reason = object["reject_reason"],
      reason.value != .null
    else { return nil }
    return text(reason, "result.reject_reason").flatMap { $0.isEmpty ? nil : $0 }
  }

  mutating func registrationCredentials(_ result: JSONNode) -> (username: String, password: String)? {
    guard let members = members(result, "result") else { return nil }
    func value(_ key: String) -> String? {
      guard let node = members[key], node.value != .null else {
        note("result.\(key)", .missing)
        return nil
      }
      return text(node, "result.\(key)")
    }
    let username = value("username")
    let password = value("password")
    guard let username, let password else { return nil }
    // Half a credential is a mistake that would open the door or close it to everybody.
    guard username.isEmpty == password.isEmpty else {
      note("result.\(username.isEmpty ? "username" : "password")", .empty)
      return nil
    }
    return (username, password)
  }
}
