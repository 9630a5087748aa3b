import CallModel

extension PolicyCompiler {
  /// What is wrong with the conferences that telephones open.
  static func checkLocalConferences(_ policy: Policy, into findings: inout [PolicyFinding]) {
    var owners: [String: Int] = [:]
    for (i, device) in policy.devices.enumerated() {
      guard let conference = device.localConference else { continue }
      let path = PolicyPath("devices", i, "local_conference")
      if let pin = conference.pin, pin != .unavailable, !PINRules.isPIN(pin.reveal()) {
        findings.append(
          PolicyFinding(
            code: "wrong-value", message: "this is no PIN", path: path.appending("pin"),
            expected: PINRules.form))
      }
      guard let number = device.number else {
        findings.append(
          PolicyFinding(
            severity: .warning, code: "setting-ignored",
            message: "“\(device.alias)” is no number: nobody can dial its conference", path: path))
        continue
      }
      if let earlier = owners.updateValue(i, forKey: number) {
        findings.append(
          PolicyFinding(
            code: "duplicate-alias", message: "two devices have a conference at *8\(number)", path: path,
            related: [(PolicyPath("devices", earlier, "local_conference"), "the other one")]))
      }
    }
  }

  /// What is wrong with services, or in vain.
  static func checkServices(_ policy: Policy, into findings: inout [PolicyFinding]) {
    for (i, service) in policy.services.enumerated() {
      let path = PolicyPath("services", i)
      let service = service.configuration
      checkPINs(service, path, into: &findings)
      checkParts(service, path, into: &findings)
      if service.room.hasBreakoutRooms, service.room.directMedia != .never {
        findings.append(
          PolicyFinding(
            code: "wrong-value", message: "direct media and breakout rooms do not go together",
            path: path.appending("room", "direct_media")))
      }
      for (j, participant) in service.room.automaticParticipants.enumerated()
      where !participant.dtmfSequence.utf8.allSatisfy({ "0123456789*#,".utf8.contains($0) }) {
        findings.append(
          PolicyFinding(
            code: "wrong-value", message: "a DTMF sequence is digits, *, # and commas",
            path: path.appending("room", "automatic_participants").appending(j).appending("dtmf_sequence")))
      }
      let reception = service.reception
      check(reception.match, path.appending("reception"), "match", "replace", into: &findings)
      check(reception.afterLookUp, path.appending("reception"), "post_match", "post_replace", into: &findings)
    }
  }

  private static func checkPINs(
    _ service: ServiceConfiguration, _ path: PolicyPath, into findings: inout [PolicyFinding]
  ) {
    var isWhole = true
    for (pin, key) in [(service.pin, "pin"), (service.guestPIN, "guest_pin")] {
      guard let pin else { continue }
      if pin == .unavailable {
        isWhole = false
      } else if !PINRules.isPIN(pin.reveal()) {
        isWhole = false
        findings.append(
          PolicyFinding(
            code: "wrong-value", message: "this is no PIN", path: path.appending(key), expected: PINRules.form
          ))
      }
    }
    guard isWhole else { return }
    for fault in PINRules.faults(
      pin: service.pin, guestPIN: service.guestPIN, allowsGuests: service.allowsGuests)
    {
      let key = fault.field == .pin ? "pin" : "guest_pin"
      findings.append(
        PolicyFinding(
          code: "pin-conflict", message: "the \(key) of “\(service.name)” \(fault.reason)",
          path: path.appending(key)))
    }
  }

  /// Settings that mean nothing to this type of service.
  private static func checkParts(
    _ service: ServiceConfiguration, _ path: PolicyPath, into findings: inout [PolicyFinding]
  ) {
    func ignore(_ key: String, unless isMeant: Bool, if isSet: Bool) {
      guard isSet, !isMeant else { return }
      findings.append(
        PolicyFinding(
          severity: .warning, code: "setting-ignored",
          message: "\(key) means nothing to a \(service.kind.rawValue) service", path: path.appending(key)))
    }
    let isRoom = service.kind == .conference || service.kind == .lecture
    let hasPINs = isRoom || service.kind == .mediaPlayback
    ignore("pin", unless: hasPINs, if: service.pin != nil)
    ignore("guest_pin", unless: hasPINs, if: service.guestPIN != nil)
    ignore("allow_guests", unless: hasPINs, if: service.allowsGuests)
    ignore("room", unless: isRoom, if: service.room != RoomSettings())
    ignore(
      "reception", unless: service.kind == .twoStageDialing, if: service.reception != ReceptionSettings())
    ignore("playback", unless: service.kind == .mediaPlayback, if: service.playback != PlaybackSettings())
    if service.kind == .mediaPlayback, service.playback.playlist.isEmpty {
      findings.append(
        PolicyFinding(
          code: "missing-key", message: "a media_playback service needs the key “playback”", path: path,
          suggestion: "name its playlist"))
    }
    if service.kind == .twoStageDialing, !service.reception.dialType.isServed {
      // Better said than found out.
      findings.append(
        PolicyFinding(
          severity: .warning, code: "not-served-yet",
          message: "meetings of \(service.reception.dialType.rawValue) are not looked up yet: "
            + "no number is valid at “\(service.name)”", path: path.appending("reception", "type")))
    }
  }

  private static func check(
    _ transform: AliasTransform, _ path: PolicyPath, _ key: String, _ replaceKey: String,
    into findings: inout [PolicyFinding]
  ) {
    guard !transform.pattern.isEmpty else { return }
    do throws(Pattern.Invalid) {
      let pattern = try Pattern(transform.pattern, isForUse: false)
      guard !transform.replacement.isEmpty else { return }
      do throws(Replacement.Invalid) {
        _ = try Replacement(
          transform.replacement, groupCount: pattern.groupCount, groupNames: pattern.groupNames)
      } catch {
        findings.append(
          PolicyFinding(
            code: "invalid-replacement", message: error.message, path: path.appending(replaceKey),
            offset: error.offset, suggestion: error.suggestion))
      }
    } catch {
      findings.append(
        PolicyFinding(
          code: "invalid-pattern", message: "invalid regular expression: \(error.message)",
          path: path.appending(key), offset: error.offset))
    }
  }
}
