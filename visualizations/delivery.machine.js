import { createMachine } from 'xstate'

export const deliveryMachine = createMachine({
  "id": "delivery",
  "initial": "halted",
  "entry": [
    {
      "type": "listen"
    }
  ],
  "on": {
    "delivery.start": [
      {
        "target": ".working"
      }
    ],
    "delivery.halt": [
      {
        "target": ".halted"
      }
    ],
    "delivery.drain": [
      {
        "target": ".draining",
        "actions": [
          {
            "type": "noteDrain"
          }
        ]
      }
    ],
    "exporter.flush": [
      {
        "actions": [
          {
            "type": "requestFlush"
          }
        ]
      }
    ],
    "permit.granted": [
      {
        "actions": [
          {
            "type": "returnPermit"
          }
        ]
      }
    ],
    "permit.revoked": [
      {
        "actions": [
          {
            "type": "dropPermit"
          }
        ]
      }
    ],
    "permit.recalled": [
      {
        "actions": [
          {
            "type": "recallPermit"
          }
        ]
      }
    ],
    "endpoint.changed": [
      {
        "actions": [
          {
            "type": "serve"
          }
        ]
      }
    ],
    "delivery.redirect": [
      {
        "actions": [
          {
            "type": "redirect"
          }
        ]
      }
    ]
  },
  "states": {
    "halted": {},
    "working": {
      "initial": "idle",
      "exit": [
        {
          "type": "releasePermit"
        }
      ],
      "on": {
        "endpoint.changed": [
          {
            "target": ".idle",
            "actions": [
              {
                "type": "dropPermit"
              },
              {
                "type": "serve"
              }
            ]
          }
        ]
      },
      "states": {
        "idle": {
          "entry": [
            {
              "type": "look"
            }
          ],
          "on": {
            "work.arrived": [
              {
                "target": "gathering",
                "actions": [
                  {
                    "type": "noteWait"
                  }
                ]
              }
            ],
            "telemetry.batch": [
              {
                "target": "exporting",
                "guard": {
                  "type": "keepsPermit"
                }
              },
              {
                "target": "asking"
              }
            ],
            "work.deferred": [
              {
                "target": "backing_off",
                "guard": {
                  "type": "isOwnBackoff"
                },
                "actions": [
                  {
                    "type": "noteWait"
                  }
                ]
              },
              {
                "target": "deferred",
                "actions": [
                  {
                    "type": "noteWait"
                  }
                ]
              }
            ],
            "exporter.flush": [
              {
                "target": "idle",
                "actions": [
                  {
                    "type": "requestFlush"
                  }
                ],
                "reenter": true
              }
            ]
          }
        },
        "gathering": {
          "on": {
            "work.arrived": [
              {
                "target": "gathering",
                "actions": [
                  {
                    "type": "noteWait"
                  }
                ],
                "reenter": true
              }
            ],
            "telemetry.batch": [
              {
                "target": "exporting",
                "guard": {
                  "type": "keepsPermit"
                }
              },
              {
                "target": "asking"
              }
            ],
            "exporter.flush": [
              {
                "target": "idle",
                "actions": [
                  {
                    "type": "requestFlush"
                  }
                ]
              }
            ]
          },
          "after": {
            "wait": [
              {
                "target": "idle"
              }
            ]
          }
        },
        "asking": {
          "entry": [
            {
              "type": "requestPermit"
            }
          ],
          "on": {
            "permit.granted": [
              {
                "target": "exporting",
                "actions": [
                  {
                    "type": "keepPermit"
                  }
                ]
              }
            ],
            "permit.denied": [
              {
                "target": "asking",
                "actions": [
                  {
                    "type": "failFlush"
                  },
                  {
                    "type": "forgetTried"
                  }
                ],
                "reenter": true
              }
            ],
            "endpoint.changed": [
              {
                "actions": [
                  {
                    "type": "serve"
                  }
                ]
              }
            ],
            "exporter.flush": [
              {
                "target": "asking",
                "actions": [
                  {
                    "type": "requestFlush"
                  }
                ],
                "reenter": true
              }
            ]
          }
        },
        "exporting": {
          "exit": [
            {
              "type": "endWave"
            }
          ],
          "invoke": [
            {
              "src": "exportWave",
              "onDone": [
                {
                  "target": "idle",
                  "guard": {
                    "type": "isRoutine"
                  }
                },
                {
                  "target": "idle",
                  "actions": [
                    {
                      "type": "report"
                    }
                  ]
                }
              ],
              "onError": [
                {
                  "target": "deferred",
                  "actions": [
                    {
                      "type": "noteError"
                    },
                    {
                      "type": "releasePermit"
                    },
                    {
                      "type": "noteWait"
                    }
                  ]
                }
              ]
            }
          ],
          "on": {
            "permit.revoked": [
              {
                "actions": [
                  {
                    "type": "dropPermit"
                  },
                  {
                    "type": "endWave"
                  }
                ]
              }
            ],
            "endpoint.changed": [
              {
                "guard": {
                  "type": "hasPermit"
                },
                "actions": [
                  {
                    "type": "recallPermit"
                  },
                  {
                    "type": "serve"
                  }
                ]
              },
              {
                "target": "idle",
                "actions": [
                  {
                    "type": "serve"
                  }
                ]
              }
            ]
          }
        },
        "backing_off": {
          "entry": [
            {
              "type": "requestProbe"
            }
          ],
          "exit": [
            {
              "type": "withdrawRequest"
            }
          ],
          "on": {
            "permit.granted": [
              {
                "target": "exporting",
                "actions": [
                  {
                    "type": "keepPermit"
                  }
                ]
              }
            ],
            "exporter.flush": [
              {
                "target": "idle",
                "actions": [
                  {
                    "type": "requestFlush"
                  }
                ]
              }
            ]
          },
          "after": {
            "wait": [
              {
                "target": "idle"
              }
            ]
          }
        },
        "deferred": {
          "after": {
            "wait": [
              {
                "target": "idle"
              }
            ]
          }
        }
      }
    },
    "draining": {
      "initial": "asking",
      "exit": [
        {
          "type": "releasePermit"
        },
        {
          "type": "answerDrained"
        }
      ],
      "on": {
        "delivery.drain": [
          {
            "actions": [
              {
                "type": "noteDrain"
              }
            ]
          }
        ]
      },
      "onDone": [
        {
          "target": "halted"
        }
      ],
      "states": {
        "asking": {
          "entry": [
            {
              "type": "requestLastPermit"
            }
          ],
          "on": {
            "permit.granted": [
              {
                "target": "exporting",
                "actions": [
                  {
                    "type": "keepPermit"
                  }
                ]
              }
            ],
            "permit.denied": [
              {
                "target": "drained"
              }
            ]
          }
        },
        "exporting": {
          "exit": [
            {
              "type": "endWave"
            }
          ],
          "invoke": [
            {
              "src": "drain",
              "onDone": [
                {
                  "target": "asking",
                  "guard": {
                    "type": "mayTryOthers"
                  },
                  "actions": [
                    {
                      "type": "report"
                    }
                  ]
                },
                {
                  "target": "drained",
                  "guard": {
                    "type": "hasPermit"
                  },
                  "actions": [
                    {
                      "type": "report"
                    }
                  ]
                },
                {
                  "target": "asking"
                }
              ],
              "onError": [
                {
                  "target": "drained",
                  "actions": [
                    {
                      "type": "noteError"
                    }
                  ]
                }
              ]
            }
          ],
          "on": {
            "permit.revoked": [
              {
                "actions": [
                  {
                    "type": "dropPermit"
                  },
                  {
                    "type": "endWave"
                  }
                ]
              }
            ]
          }
        },
        "drained": {
          "type": "final"
        }
      }
    }
  }
})
