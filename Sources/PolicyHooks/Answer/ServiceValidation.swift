import CallModel
import JSONText

/// Checks a service configuration field by field (routing reference §12). One wrong field voids it; all are noted.
struct ServiceValidation {
  private(set) var reader: FieldReader
  private let path: String

  /// Automatic participants and breakout rooms in one answer.
  static let maximumListLength = 250

  init(reader: FieldReader, path: String = "result") {
    self.reader = reader
    self.path = path
  }

  /// Nil, and noted why, unless every field is right.
  mutating func fields(_ node: JSONNode) -> ServiceFields? {
    guard let members = reader.members(node, path) else { return nil }
    let type = serviceType(members["service_type"])
    var values: [ServiceField: FieldValue] = [:]
    for rule in ServiceFieldRule.table where rule.field != .serviceType {
      // Without a type, whatever could belong to the service is looked at all the same: everything wrong is said at once.
      let presence = type.map { rule.presence(in: $0) } ?? .optional
      let fieldPath = "\(path).\(rule.field.rawValue)"
      guard let member = members[rule.field.rawValue], member.value != .null else {
        if presence == .required { reader.note(fieldPath, .missing) }
        continue
      }
      guard presence != .absent else {
        reader.note(fieldPath, .otherServiceType, .note)
        continue
      }
      if let value = value(member, rule, fieldPath, type) {
        values[rule.field] = value
      } else if presence == .required, case .name = rule.type, member.value == .string("") {
        reader.note(fieldPath, .empty)
      }
    }
    for key in members.keys.sorted() where ServiceField(rawValue: key) == nil {
      reader.note(FieldReader.path(path, key), .unknownField, .note)
    }
    checkCombinations(values)
    guard let type, !reader.hasErrors else { return nil }
    values[.serviceType] = .text(type.rawValue)
    return ServiceFields(type: type, values: values)
  }

  private mutating func serviceType(_ node: JSONNode?) -> ServiceType? {
    guard let node, node.value != .null else {
      reader.note("\(path).service_type", .missing)
      return nil
    }
    return reader.choice(node, "\(path).service_type", ServiceType.allCases.map(\.rawValue))
      .flatMap(ServiceType.init(rawValue:))
  }

  private mutating func value(
    _ node: JSONNode, _ rule: ServiceFieldRule, _ path: String, _ type: ServiceType?
  ) -> FieldValue? {
    switch rule.type {
    case .text(let isEmptyAllowed, let isMultiline):
      return reader.text(node, path, isEmptyAllowed: isEmptyAllowed, isMultiline: isMultiline)
        .map(FieldValue.text)
    case .boolean: return reader.boolean(node, path).map(FieldValue.boolean)
    case .integer(let range): return reader.integer(node, path, range).map(FieldValue.integer)
    case .choice(let known):
      // `auto` takes over the caller's media: there is a caller to take them from in gateway calls only.
      let known = rule.field == .callType && type != .gateway && type != nil ? known.dropLast() : known[...]
      return reader.choice(node, path, Array(known)).map(FieldValue.text)
    case .layout:
      let known = Layout.allCases.filter { type == .gateway || type == nil || !$0.isForGatewayOnly }
      return reader.choice(node, path, known.map(\.rawValue)).map(FieldValue.text)
    case .name(let kind):
      var node = node
      // Playlists are also seen by number.
      if kind == .playlist, case .integer(let number) = node.value { node.value = .string(String(number)) }
      return reader.name(node, path, kind).map(FieldValue.text)
    case .pin: return pin(node, path)
    case .pattern:
      guard let text = reader.text(node, path) else { return nil }
      if let fault = reader.patternFault(text) {
        reader.note(path, .notPattern(fault))
        return nil
      }
      return .text(text)
    case .uuid: return reader.uuid(node, path).map(FieldValue.text)
    case .uuids:
      guard let items = reader.list(node, path, limit: ServiceValidation.maximumListLength) else {
        return nil
      }
      return .texts(items.enumerated().compactMap { reader.uuid($1, "\(path)[\($0)]") })
    case .dtmf: return reader.dtmf(node, path).map(FieldValue.text)
    case .automaticParticipants:
      guard let items = reader.list(node, path, limit: ServiceValidation.maximumListLength) else {
        return nil
      }
      return .automaticParticipants(
        items.enumerated().compactMap { reader.automaticParticipant($1, "\(path)[\($0)]") })
    case .completion: return reader.completion(node, path).map(FieldValue.completion)
    }
  }

  /// Empty: no PIN.
  private mutating func pin(_ node: JSONNode, _ path: String) -> FieldValue? {
    guard let text = reader.text(node, path), !text.isEmpty else { return nil }
    guard PINRules.isPIN(text) else {
      reader.note(path, .notDigits(PINRules.form))
      return nil
    }
    return .secret(Secret(text))
  }

  // MARK: Fields that depend on each other

  private mutating func checkCombinations(_ values: [ServiceField: FieldValue]) {
    func isTrue(_ field: ServiceField) -> Bool { values[field] == .boolean(true) }
    func secret(_ field: ServiceField) -> Secret? {
      if case .secret(let secret)? = values[field] { secret } else { nil }
    }
    // §12.2, row by row.
    let pin = secret(.pin)
    let guestPIN = secret(.guestPIN)
    // A field that is wrong in itself has been reported; what follows from its absence would mislead.
    let faulty = ["pin", "guest_pin", "allow_guests"].contains { key in
      reader.findings.contains { $0.severity == .error && $0.field == "\(path).\(key)" }
    }
    if !faulty {
      for fault in PINRules.faults(pin: pin, guestPIN: guestPIN, allowsGuests: isTrue(.allowGuests)) {
        reader.note("\(path).\(fault.field == .pin ? "pin" : "guest_pin")", .conflict(fault.reason))
      }
    }
    // §12.4.
    if isTrue(.breakout) {
      if isTrue(.breakoutRooms) {
        reader.note("\(path).breakout_rooms", .conflict("must be false in a breakout room"))
      }
      for field in [ServiceField.breakoutUUID, .breakoutName] where values[field] == nil {
        let fieldPath = "\(path).\(field.rawValue)"
        if !reader.findings.contains(where: { $0.field == fieldPath }) { reader.note(fieldPath, .missing) }
      }
    }
    // §12.1: media that does not pass a mixer cannot be moved between rooms.
    if let direct = values[.directMedia], direct != .text("never"), isTrue(.breakoutRooms) {
      reader.note("\(path).direct_media", .conflict("must be never when breakout_rooms is true"))
    }
  }
}

extension FieldReader {
  /// `0-9 * # ,` (routing reference §7).
  mutating func dtmf(_ node: JSONNode, _ path: String) -> String? {
    guard let text = text(node, path) else { return nil }
    guard text.utf8.allSatisfy({ "0123456789*#,".utf8.contains($0) }) else {
      note(path, .notDigits("digits, *, # and commas"))
      return nil
    }
    return text
  }

  mutating func automaticParticipant(_ node: JSONNode, _ path: String) -> RoomSettings.AutomaticParticipant? {
    guard let members = members(node, path) else { return nil }
    func given(_ key: String) -> JSONNode? { members[key].flatMap { $0.value == .null ? nil : $0 } }
    func at(_ key: String) -> String { "\(path).\(key)" }
    for key in ["local_alias", "remote_alias", "protocol", "role"] where given(key) == nil {
      note(at(key), .missing)
    }
    let local = given("local_alias").flatMap { text($0, at("local_alias")) }
    let remote = given("remote_alias").flatMap { text($0, at("remote_alias"), isEmptyAllowed: false) }
    let callProtocol = given("protocol").flatMap {
      choice($0, at("protocol"), ["h323", "sip", "mssip", "rtmp"])
    }
    let role = given("role").flatMap { choice($0, at("role"), ["chair", "guest"]) }
    let capability = given("call_type").flatMap {
      choice($0, at("call_type"), ["video", "video-only", "audio"])
    }
    let keepAlive = given("keep_conference_alive").flatMap {
      choice(
        $0, at("keep_conference_alive"), RoomSettings.AutomaticParticipant.KeepAlive.allCases.map(\.rawValue))
    }
    let routing = given("routing").flatMap { choice($0, at("routing"), ["manual", "routing_rule"]) }
    let streaming = given("streaming").flatMap { boolean($0, at("streaming")) }
    let location = given("system_location_name").flatMap { name($0, at("system_location_name"), .location) }
    let digits = given("dtmf_sequence").flatMap { dtmf($0, at("dtmf_sequence")) }
    let description = given("description").flatMap { text($0, at("description"), isMultiline: true) }
    let localName = given("local_display_name").flatMap { text($0, at("local_display_name")) }
    let remoteName = given("remote_display_name").flatMap { text($0, at("remote_display_name")) }
    let presentation = given("presentation_url").flatMap { text($0, at("presentation_url")) }
    guard let local, let remote, let role = role.flatMap(ParticipantRole.init(rawValue:)),
      let callProtocol = callProtocol.flatMap(CallProtocol.init(rawValue:))
    else { return nil }
    var participant = RoomSettings.AutomaticParticipant(
      localAlias: local, remoteAlias: remote, callProtocol: callProtocol, role: role)
    participant.callCapability = capability.flatMap(CallCapability.init(rawValue:)) ?? .video
    participant.keepAlive =
      keepAlive.flatMap(RoomSettings.AutomaticParticipant.KeepAlive.init(rawValue:)) ?? .ifMultiple
    participant.isRoutedByRules = routing == "routing_rule"
    participant.isStreaming = streaming ?? false
    participant.systemLocation = location
    participant.dtmfSequence = digits ?? ""
    participant.description = description ?? ""
    participant.localDisplayName = localName ?? ""
    participant.remoteDisplayName = remoteName ?? ""
    participant.presentationURL = presentation ?? ""
    return participant
  }

  /// An object, or the text of one.
  mutating func completion(_ node: JSONNode, _ path: String) -> PlaybackCompletion? {
    var node = node
    if case .string(let text) = node.value {
      guard !text.isEmpty else { return nil }
      do throws(JSONError) {
        node = try JSONReader.read(text, limits: JSONReader.Limits(bytes: 4_096, depth: 4, values: 32))
      } catch {
        note(path, .notJSON(error.description))
        return nil
      }
    }
    guard let members = members(node, path) else { return nil }
    if let disconnect = members["disconnect"], disconnect.value != .null {
      guard let isOn = boolean(disconnect, "\(path).disconnect") else { return nil }
      if isOn { return .disconnect }
    }
    guard let transfer = members["transfer"], transfer.value != .null else {
      note("\(path).transfer", .missing)
      return nil
    }
    guard let inner = self.members(transfer, "\(path).transfer") else { return nil }
    guard let conference = inner["conference"] else {
      note("\(path).transfer.conference", .missing)
      return nil
    }
    let alias = text(conference, "\(path).transfer.conference", isEmptyAllowed: false)
    var role: ParticipantRole?
    if let word = inner["role"], word.value != .null {
      // The database's words beside policy's.
      let known = ["chair", "guest", "host", "auto"]
      switch choice(word, "\(path).transfer.role", known) {
      case "chair"?, "host"?: role = .chair
      case "guest"?: role = .guest
      default: break
      }
    }
    return alias.map { .transfer(alias: $0, role: role) }
  }
}
